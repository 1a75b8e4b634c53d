"""Reading age and gender: the one crop, and the estimator that reads it."""
