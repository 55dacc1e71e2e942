"""The images that machines are made from: recipes, building, bundles."""
