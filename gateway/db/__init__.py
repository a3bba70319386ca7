"""Tables, engine and migrations. Only steps use them; the API and the tasks go through the steps."""
