"""Tests of the website's page."""
