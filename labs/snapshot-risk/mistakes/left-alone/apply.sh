vm network desk off
