//! The vision transformers that open_clip takes from timm by name: SigLIP's. The name states the patch; everything else is
//! defined in timm's vision_transformer.py, and repeated here.

/// A vision transformer of timm.
pub(super) struct Trunk {
    pub(super) width: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) mlp_ratio: f64,
    pub(super) patch: usize,
    /// Whether GELU is approximated by a hyperbolic tangent.
    pub(super) tanh: bool,
}

impl Trunk {
    pub(super) fn of(name: &str) -> Option<Self> {
        let (size, rest) = name.strip_prefix("vit_")?.split_once("_patch")?;
        let (patch, pixels) = rest.split_once("_siglip_")?;
        let (patch, pixels) = (patch.parse().ok()?, pixels.parse::<u32>().ok()?);
        let (width, layers, heads, mlp_ratio) = match size {
            "base" => (768, 12, 12, 4.0),
            "large" => (1024, 24, 16, 4.0),
            "so400m" => (1152, 27, 16, 3.7362),
            "giantopt" => (1536, 40, 16, 4.0),
            // Not in timm: the size of this crate's fixtures.
            "tiny" => (32, 2, 2, 4.0),
            _ => return None,
        };
        let tanh = matches!(
            (size, patch, pixels),
            ("base", 32, _) | ("large", 16, 512) | ("so400m", 16, _) | ("giantopt", ..)
        );
        Some(Self {
            width,
            layers,
            heads,
            mlp_ratio,
            patch,
            tanh,
        })
    }
}
