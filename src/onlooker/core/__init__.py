"""What every other room speaks in: errors, geometry, demographics, faces and protocols. Needs numpy alone."""
