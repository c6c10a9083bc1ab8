"""How pictures are normalised for networks that learnt on ImageNet."""

# Of red, green and blue in [0, 1]; what a batch's pictures have been normalised by.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
