"""Pictures wait in an object store, tasks in a queue, a worker answers: on one machine or on Amazon, by one path."""
