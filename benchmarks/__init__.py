"""What measures, and what makes priors and weights; run as `python -m benchmarks.FOLDER.NAME`.

    accuracy   levels, masks, flags and measurements beside the truth: evaluation/results/
    speed      seconds and memory on a CPU, of the metrics and of trainings
    gpu        the same on a GPU, and whether its results are the CPU's
    priors     statistics of people that the code holds as numbers, and how well they hold
    weights    weights made of others: trained in a given time, averaged, prepared for 8 bits

clock.py and markdown.py are used by all.
"""
