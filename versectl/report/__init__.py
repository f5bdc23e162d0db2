"""What is said about a result: flags, measures, the report, pictures and pages."""
