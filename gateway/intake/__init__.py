"""Files that come over HTTP: good ones go on to the clinical archive, others are kept with a reason."""
