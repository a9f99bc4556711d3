"""Ratings of movies: prepared by Athena, learned by SageMaker's built-in Factorization Machines.

    sources, ratings         the file that is meant, in any of MovieLens' layouts
    downloads                the data sets by name
    features, splits         pure: ids to columns, the SQL that cleans, indexes and splits
    lake                     the lab's table of ratings
    preparation              01_prep's verbs
    training                 the hyperparameters and metrics of Factorization Machines
    testing                  03_test_endpoint's verbs, and predictions for applications
    charts                   how the ratings are distributed

Its public names are those of `mlkit` itself, since the lab's notebooks import them from there.
"""
