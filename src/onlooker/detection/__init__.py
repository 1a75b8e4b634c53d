"""Finding faces: one module a detector, and ``locate``, which shows each of them a picture at the size it needs."""
