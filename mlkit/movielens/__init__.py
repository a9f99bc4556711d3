"""Ratings of movies: prepared by Athena, learned by SageMaker's built-in Factorization Machines.

    columns, scale           what files call the columns, and their types in the lake; half a star to five
    ratings                  a file in any of MovieLens' layouts as the lake's table reads it
    downloads                the data sets by name
    features, splits         pure: ids to columns, the SQL that cleans, indexes and splits
    lake                     the lab's table of ratings
    preparation              01_prep's verbs
    training                 the hyperparameters and metrics of Factorization Machines
    testing                  03_test_endpoint's verbs, and predictions for applications
    charts                   how the ratings are distributed

Its public names are those of `mlkit` itself, since the lab's notebooks import them from there.
"""
