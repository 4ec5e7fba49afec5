"""Tables: from an uploaded file to typed columns, and from typed columns to arrays of numbers."""
