"""From paper to signals: strips, curves, where the record begins and ends, leads in millivolt."""
