"""Ratings of movies. Athena prepares them; SageMaker's built-in Factorization Machines learn from them.

    columns, scale           column names in files and types in the lake; the scale of stars
    ratings                  a file in any of MovieLens' layouts as the lake's table reads it
    downloads                the data sets by name
    features, splits         pure: ids to columns, the SQL that cleans, indexes and splits
    lake                     the lab's table of ratings
    preparation              the functions of 01_prep
    algorithm                the hyperparameters and metrics of Factorization Machines
    shard_rows               reads the rows of a split
    tuning                   the functions of 02_train after a tuning job: did it help?
    testing                  the functions of 03_test_endpoint, and predictions for applications
    charts                   how the ratings are distributed

The lab's notebooks import its public names from `mlkit` itself.
"""
