"""Prints, as JSON, the scalars that TensorBoard's own reader finds in each folder below the one that is named."""
import json
import os
import sys

from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
board = EventMultiplexer()
board.AddRunsFromDirectory(sys.argv[1])
board.Reload()
print(json.dumps({
    run: {
        tag: [[event.step, event.wall_time, event.value] for event in board.Scalars(run, tag)]
        for tag in tags['scalars']
    }
    for run, tags in board.Runs().items()
}))
