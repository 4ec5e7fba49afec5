"""Tables and mathematics made one model: recipes, estimator, evaluation, codec."""
