vm revert desk mended
