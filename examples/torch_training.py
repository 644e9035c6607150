"""Train a small network in PyTorch, on a GPU where there is one, with a forecast of the whole run.

    python examples/torch_training.py [--epochs 10]

Needs PyTorch (`pip install torch`). The data is made up: the network learns to multiply.
"""

import argparse

import torch
from torch import nn

import carbonsdk as ct

EXAMPLES, BATCH = 20_000, 250


def main():
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--epochs", type=int, default=10)
    epochs = arguments.parse_args().epochs

    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    factors = torch.rand(EXAMPLES, 2, device=device) * 2 - 1
    products = factors.prod(dim=1, keepdim=True)
    network = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    # A GPU works on after the call that started it has returned. With `sync` an epoch's edges wait for it.
    sync = torch.cuda.synchronize if device.type == "cuda" else None
    with ct.CarbonTracker(epochs=epochs, name="torch example", verbose=0, sync=sync) as tracker:
        for number in tracker.epochs():
            forecast = tracker.forecast()
            total = torch.zeros((), device=device)
            for batch in torch.randperm(EXAMPLES, device=device).split(BATCH):
                optimizer.zero_grad()
                loss = nn.functional.mse_loss(network(factors[batch]), products[batch])
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(batch)
            line = f"epoch {number + 1:>2}: loss {total.item() / EXAMPLES:.5f}"
            if forecast is not None:
                energy = forecast.energy_joules
                line += f", the whole run will take {energy.value:.1f} J ({energy.low:.1f} to {energy.high:.1f})"
            print(line)

    report = tracker.report()
    print(f"it took {report.energy.joules:.1f} J ({report.energy.quality}), {report.co2eq_grams * 1000:.2f} mg CO2eq")
    for each in report.devices:
        print(f"  {each.kind:<8}{each.device.name}: {each.energy.joules:.1f} J by {each.energy.method}")


if __name__ == "__main__":
    main()
