"""Images and plots: overlays, ECG paper, figures, inspection images, SVG charts."""
