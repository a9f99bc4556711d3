"""`make mutants` changes modules at random places and runs their tests: a change that no test notices is a survivor."""
