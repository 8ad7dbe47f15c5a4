"""The models of bench/models in PyTorch, up to their logits."""

from torch import nn
from torch.nn import functional

from pytorch_cnn import make_model


def normalization(channels):
    """With Keras's defaults."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def conv(channels, filters, kernel=3, stride=1):
    return nn.Conv2d(channels, filters, kernel, stride=stride, padding=kernel // 2, bias=False)


def vgg():
    layers, channels = [], 3
    for filters, count in ((64, 2), (128, 2), (256, 3)):
        for _ in range(count):
            layers += [conv(channels, filters), normalization(filters), nn.ReLU(inplace=True)]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    dense = [nn.Linear(256 * 4 * 4, 512), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(512, 10)]
    return nn.Sequential(*layers, nn.Flatten(), *dense)


class Block(nn.Module):
    """Two convolutions beside a shortcut, which is projected where the shape changes."""

    def __init__(self, channels, filters, stride):
        super().__init__()
        self.residual = nn.Sequential(
            conv(channels, filters, 3, stride), normalization(filters), nn.ReLU(inplace=True),
            conv(filters, filters), normalization(filters),
        )
        same = channels == filters and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(conv(channels, filters, 1, stride), normalization(filters))

    def forward(self, x):
        return functional.relu(self.residual(x) + self.shortcut(x), inplace=True)


def resnet():
    blocks, channels = [conv(3, 16), normalization(16), nn.ReLU(inplace=True)], 16
    for filters in (16, 32, 64):
        for index in range(3):
            blocks.append(Block(channels, filters, 2 if filters != 16 and index == 0 else 1))
            channels = filters
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


MODELS = {"cnn": make_model, "vgg": vgg, "resnet": resnet}
