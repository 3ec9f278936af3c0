"""The checks of `dpm-flower doctor`: a site file and the time -> what is well and what is not, one idea in each module."""
