vm delete desk mended
