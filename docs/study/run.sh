#!/bin/sh
# Repeats the study, then asks it.
#
#   docs/study/run.sh FOLDER_OF_DATA [SEEDS]
#
# FOLDER_OF_DATA has the official files of MNIST and Fashion-MNIST, in mnist/ and fashion-mnist/, and cifar10-jpeg.npz:
# 10,000 training and 5,000 test pictures of CIFAR-10, kept as JPEG files, which is why the study does not say CIFAR-10.
# With the official files of CIFAR-10 there leave `--set dataset` out.
#
# SEEDS: replicas of each setting of the larger sweeps; 3 is what they ask for, 1 a third of the work.
#
# What it makes lies in the current folder; SENSDB_DATABASE_URL names another database. Run again, it goes on.
set -eu
data=${1:?"which folder has the data sets? see the first lines of $0"}
seeds=${2:-3}
export SENSDB_DATA="$data"
export SENSDB_DATABASE_URL="${SENSDB_DATABASE_URL:-sqlite:///study.db}"
pictures="dataset=$data/cifar10-jpeg.npz"

sensdb init
for sweep in digits novak2018-trajectories-mini novak2018-regions-mini; do
  sensdb enqueue "$sweep"
done
sensdb enqueue novak2018-points-mini --set "$pictures"
for sweep in augmentation labels nonlinearity batch; do
  sensdb enqueue "novak2018-pairs-$sweep-mini" --set "$pictures" --set "seeds=$seeds"
done
sensdb enqueue novak2018-cifar10-mini --set "$pictures" --set "seeds=$seeds"
for sweep in mnist fashion-mnist; do
  sensdb enqueue "novak2018-$sweep-mini" --set "seeds=$seeds"
done
sensdb worker --drain

sensdb query verdict -o verdict.csv
sensdb query verdict -p by=number -o numbers.csv
sensdb report -o report.html
sensdb plot gap -o gap.png
