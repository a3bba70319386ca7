"""Reading studies: the same cases read twice by several readers, with and without the lesions shown, and timed."""
