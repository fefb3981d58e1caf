"""ALBERT in Keras 3, for the backends tensorflow, jax and torch, with the hub's names of modules.

backbone: embeddings, the shared layer applied N times, and the pooler.
heads: the models, without and with a head.
inputs: the forms in which inputs may be given.
outputs: what the models return, with fields accessible by name, key or position.
pretrained: the base of the models: folders of the hub, calls, training and files of Keras.
tensorflow: the models by the names of transformers' TensorFlow classes.
"""

try:
    import keras as keras
except ValueError as error:
    raise ValueError(
        f"Keras cannot be imported ({error}); set KERAS_BACKEND to tensorflow, jax or torch"
    ) from None
