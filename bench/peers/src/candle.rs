//! open_clip's vision transformer in candle, in single precision.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use candle_core::{D, Device, Tensor, safetensors};
use candle_nn::ops::softmax_last_dim;
use candle_nn::{LayerNorm, Module};

use super::SIDE;

pub struct Tower {
    tensors: HashMap<String, Tensor>,
    layers: usize,
    width: usize,
    patch: usize,
}

/// Of every head of open_clip's ViTs.
const HEAD_WIDTH: usize = 64;

impl Tower {
    pub fn open(folder: &Path) -> Result<Self> {
        let all = safetensors::load(folder.join("open_clip_model.safetensors"), &Device::Cpu)?;
        let visual = |(name, tensor): (String, Tensor)| {
            Some((name.strip_prefix("visual.")?.to_owned(), tensor))
        };
        let tensors: HashMap<String, Tensor> = all.into_iter().filter_map(visual).collect();
        let layers = tensors
            .keys()
            .filter(|name| name.ends_with("mlp.c_fc.bias"))
            .count();
        let (width, _, patch, _) = tensors["conv1.weight"].dims4()?;
        Ok(Self {
            tensors,
            layers,
            width,
            patch,
        })
    }

    pub fn embed(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>> {
        let count = pixels.len() / (3 * SIDE * SIDE);
        let pixels = Tensor::from_slice(pixels, (count, 3, SIDE, SIDE), &Device::Cpu)?;
        let patches = pixels.conv2d(self.get("conv1.weight")?, 0, self.patch, 1, 1)?;
        let patches = patches.flatten_from(2)?.transpose(1, 2)?;
        let class = self.get("class_embedding")?;
        let class = class.reshape((1, 1, self.width))?.repeat((count, 1, 1))?;
        let x = Tensor::cat(&[class, patches.contiguous()?], 1)?;
        let x = x.broadcast_add(self.get("positional_embedding")?)?;
        let mut x = self.norm(&x, "ln_pre")?;
        for layer in 0..self.layers {
            let name = |part: &str| format!("transformer.resblocks.{layer}.{part}");
            let normed = self.norm(&x, &name("ln_1"))?;
            x = (x + self.attention(&normed, &name("attn"))?)?;
            let normed = self.norm(&x, &name("ln_2"))?;
            let hidden = self.linear(&normed, &name("mlp.c_fc"), ".")?.gelu_erf()?;
            x = (x + self.linear(&hidden, &name("mlp.c_proj"), ".")?)?;
        }
        let class = x.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?;
        let pooled = self.norm(&class, "ln_post")?;
        Ok(pooled.matmul(self.get("proj")?)?.to_vec2()?)
    }

    fn get(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).with_context(|| name.to_owned())
    }

    fn norm(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let part =
            |part: &str| Ok::<_, anyhow::Error>(self.get(&format!("{name}.{part}"))?.clone());
        Ok(LayerNorm::new(part("weight")?, part("bias")?, 1e-5).forward(x)?)
    }

    /// The layer `{name}{before}weight`, with its bias.
    fn linear(&self, x: &Tensor, name: &str, before: &str) -> Result<Tensor> {
        let part = |part: &str| self.get(&format!("{name}{before}{part}"));
        let (count, tokens, inputs) = x.dims3()?;
        let product = x
            .reshape((count * tokens, inputs))?
            .matmul(&part("weight")?.t()?)?;
        let product = product.broadcast_add(part("bias")?)?;
        Ok(product.reshape((count, tokens, ()))?)
    }

    fn attention(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let (count, tokens, width) = x.dims3()?;
        let all = self.linear(x, name, ".in_proj_")?;
        let part = |at: usize| -> Result<Tensor> {
            let part = all.narrow(D::Minus1, at * width, width)?;
            let heads = part.reshape((count, tokens, width / HEAD_WIDTH, HEAD_WIDTH))?;
            Ok(heads.transpose(1, 2)?.contiguous()?)
        };
        let scores = part(0)?.matmul(&part(1)?.t()?)?;
        let scores = (scores / (HEAD_WIDTH as f64).sqrt())?;
        let mixed = softmax_last_dim(&scores)?.matmul(&part(2)?)?;
        let mixed = mixed.transpose(1, 2)?.reshape((count, tokens, width))?;
        self.linear(&mixed, &format!("{name}.out_proj"), ".")
    }
}
