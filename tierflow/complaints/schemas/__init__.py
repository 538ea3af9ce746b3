"""What goes in (`given`) and what comes out (`shown`), for form and JSON alike."""
