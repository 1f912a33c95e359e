"""How good the alerts are: measured on simulated streams and on real texts of other years."""
