vm network box off
