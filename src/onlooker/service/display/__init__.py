"""The screen in a shop: a camera worker in a process of its own, the page that plays adverts, the operator's page."""
