//! Every command and flag, once, as typed: the doc comment of a field is its help text.
//!
//! Nothing is read or resolved here; [`phototag_core::collection`] makes of it what a run works with.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use phototag_clip as clip;
use phototag_core::collection::Place;
use phototag_core::decide::plan::Share;
use phototag_core::scan;
use phototag_core::truth::TruthFiles;

/// Tag a folder of photos with your own categories, in plain English, on your own CPU.
///
/// Nothing is uploaded. Photos are embedded once; change a prompt in phototag.toml, tag again, and
/// the new answer is there at once.
#[derive(Debug, Parser)]
#[command(
    name = "phototag",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Say nothing on the way: no progress and no warnings, only results and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// What subtracts a text from a search.
pub const MINUS: char = '\u{2212}';

/// The command line. `search` subtracts what begins with a hyphen, which the parser would take for
/// flags: a real minus sign replaces it there.
pub fn arguments() -> impl Iterator<Item = OsString> {
    let mut searching = false;
    std::env::args_os().enumerate().map(move |(at, argument)| {
        searching |= at > 0 && argument == "search";
        match argument.to_str().and_then(|text| text.strip_prefix('-')) {
            Some(text) if searching && text.chars().count() > 1 && !text.starts_with('-') => {
                format!("{MINUS}{text}").into()
            }
            _ => argument,
        }
    })
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Init(InitArgs),
    Tag(TagArgs),
    Scores(ScoresArgs),
    Embed(EmbedArgs),
    Learn(LearnArgs),
    Eval(EvalArgs),
    Explain(ExplainArgs),
    Search(SearchArgs),
    Tune(TuneArgs),
    Gallery(GalleryArgs),
    /// Get models, and see which are there
    ///
    /// Models are kept in the cache of the Hugging Face hub, shared with Python programs (HF_HOME,
    /// HF_HUB_CACHE). HF_ENDPOINT names another hub, HF_TOKEN a token for private ones, HTTPS_PROXY
    /// a proxy; HF_HUB_OFFLINE=1 forbids any connection. Imported models are in PHOTOTAG_MODELS.
    Model {
        #[command(subcommand)]
        command: ModelCommand,
    },
}

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// List known models: size, licence, accuracy, cost, and whether they are installed
    List,
    Pull(PullArgs),
    Import(ImportArgs),
    Check(CheckArgs),
    Remove(RemoveArgs),
    Where(WhereArgs),
}

/// Download a model: the only command that connects to anything
///
/// What has arrived is kept when the download is interrupted; run the same command to go on. Every
/// file is compared with the checksum that the hub announces before it is used.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// A name that `phototag model list` prints, or OWNER/NAME or OWNER/NAME@REVISION on the hub
    #[arg(value_name = "MODEL")]
    pub name: String,
}

/// Install a model from a folder, by copying the files that it needs
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The model's folder, or a file in it
    #[arg(value_name = "FOLDER|FILE")]
    pub path: PathBuf,

    /// What to call it [default: the folder's name]
    #[arg(long)]
    pub name: Option<String>,

    /// Link to the folder instead of copying it
    #[arg(long)]
    pub link: bool,
}

/// Measure how exact each precision is with a model, and use the fastest that is exact enough
///
/// Embeds some of your photos in f32, bf16 and int8, compares the vectors, and remembers the fastest
/// precision whose vectors stay close: commands use it with this model unless --precision says otherwise.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The model: a name, or a model's folder
    #[arg(value_name = "MODEL")]
    pub model: String,

    /// Photo folders, or single photos
    #[arg(value_name = "DIR", required = true)]
    pub inputs: Vec<PathBuf>,

    /// How many photos to embed, drawn from all over the folders
    #[arg(long, value_name = "N", default_value = "64")]
    pub photos: NonZeroUsize,
}

/// Delete an installed model
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The model
    #[arg(value_name = "MODEL")]
    pub name: String,

    /// Delete it from the hub's cache too, which Python programs share
    #[arg(long)]
    pub yes: bool,
}

/// Print the folder of a model, or the one for imported models
#[derive(Debug, Args)]
pub struct WhereArgs {
    /// The model
    #[arg(value_name = "MODEL")]
    pub name: Option<String>,
}

/// Write a commented phototag.toml, the catalog of your categories, into a photo folder
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The photo folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,

    /// Overwrite a phototag.toml that is there
    #[arg(long)]
    pub force: bool,
}

/// Tag photos: the main job
///
/// Writes tags.json into the photo folder and prints what was done. What was embedded before is not
/// embedded again. Ctrl-C keeps what is done so far; run again to go on.
#[derive(Debug, Args)]
pub struct TagArgs {
    #[command(flatten)]
    pub collection: CollectionArgs,

    #[command(flatten)]
    pub exactness: ExactnessArgs,

    /// Where tags.json is written [default: tags.json in the photo folder]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub overrides: OverridesArgs,

    /// Work automatic thresholds out anew
    ///
    /// They are kept until the model or the catalog changes, so that adding photos never flips the
    /// tags of old ones.
    #[arg(long)]
    pub recalibrate: bool,

    /// Exit with 1 if a photo could not be read
    #[arg(long)]
    pub strict: bool,

    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

/// Print the scores that decide: cosine similarities, and the values of measured categories
#[derive(Debug, Args)]
pub struct ScoresArgs {
    #[command(flatten)]
    pub collection: CollectionArgs,

    #[command(flatten)]
    pub exactness: ExactnessArgs,

    /// How to print them
    #[arg(long, value_enum, default_value_t = ScoresFormat::Table)]
    pub format: ScoresFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScoresFormat {
    Json,
    Csv,
    Table,
}

/// Say why a photo has its tags, and why not others
///
/// For each category, the nearest to its threshold first: score, threshold, rank among all photos,
/// the prompt that fits best, what was learned or corrected, and the photos with this tag that look
/// most alike.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The photo
    #[arg(value_name = "PHOTO")]
    pub photo: PathBuf,

    /// The photo folder that it belongs to [default: the nearest above it that has an index]
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,

    /// Explain only this category
    #[arg(long, value_name = "ID")]
    pub category: Option<String>,

    /// Write the photo as PNG, lit where the evidence for --category lies, or for its first tag
    #[arg(long, value_name = "FILE")]
    pub heatmap: Option<PathBuf>,

    /// Write all of it as a page, with a heatmap for each category
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    #[command(flatten)]
    pub place: PlaceArgs,

    #[command(flatten)]
    pub key: KeyArgs,

    #[command(flatten)]
    pub exactness: ExactnessArgs,

    #[command(flatten)]
    pub overrides: OverridesArgs,
}

/// Say how good the tags are, and where they fail
///
/// Compares the tags that scores alone give with what you say is right: labels.json, and the photos
/// named in overrides.json. Without labels yet, --sample 60 draws photos and writes a page to mark
/// them on.
#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(flatten)]
    pub collection: CollectionArgs,

    #[command(flatten)]
    pub exactness: ExactnessArgs,

    #[command(flatten)]
    pub truth: TruthArgs,

    /// Draw about so many photos for a spot check, and write the page to mark them on
    #[arg(long, value_name = "N")]
    pub sample: Option<NonZeroUsize>,

    /// Where the page is written [default: .phototag/eval.html or spot-check.html in the photo folder]
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Print the figures as JSON, and write no page
    #[arg(long)]
    pub json: bool,
}

/// Write thresholds into phototag.toml; comments and order stay
///
/// Without labels, thresholds that give as many tags as you want. With labels (labels.json, or photos
/// named in overrides.json), thresholds for the best F1 or a wanted precision, chosen by
/// cross-validation. Measured categories keep theirs unless --share names them.
#[derive(Debug, Args)]
pub struct TuneArgs {
    #[command(flatten)]
    pub collection: CollectionArgs,

    #[command(flatten)]
    pub truth: TruthArgs,

    /// Tags per photo on average, by scores alone [default: tags_per_photo of the catalog]
    #[arg(long, value_name = "TAGS")]
    pub target: Option<f64>,

    /// How many photos a category should have: wildlife=20%, or wildlife=150
    #[arg(long, value_name = "ID=SHARE", value_parser = share)]
    pub share: Vec<(String, Share)>,

    /// The precision to reach on photos not seen, from labels: 0.95
    #[arg(long, value_name = "P", alias = "precision", conflicts_with = "target", value_parser = precision)]
    pub min_precision: Option<f64>,

    /// Show what would change, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

fn share(text: &str) -> Result<(String, Share), String> {
    let (id, amount) = text
        .rsplit_once('=')
        .ok_or("write it as wildlife=20% or wildlife=150")?;
    let share = match amount.strip_suffix('%') {
        Some(percent) => percent
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|percent| (0.0..=100.0).contains(percent))
            .map(|percent| Share::Part(percent / 100.0)),
        None => amount.trim().parse().ok().map(Share::Count),
    };
    let share = share.ok_or_else(|| format!("{amount:?} is neither a percentage nor a count"))?;
    Ok((id.to_owned(), share))
}

fn precision(text: &str) -> Result<f64, String> {
    let precision = text.parse().map_err(|_| "not a number".to_owned())?;
    if precision > 0.0 && precision <= 1.0 {
        Ok(precision)
    } else {
        Err("a precision lies between 0 and 1".to_owned())
    }
}

/// Try a description: the photos that it fits best, at once
///
/// Searches what is in the index. Texts are averaged; one with a minus before it is subtracted
/// (phototag search DIR "a beach" "-people"). With --like, photos that look like this one; with
/// both, photos that do both.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// The photo folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,

    /// Descriptions, as captions under such a photo
    #[arg(value_name = "TEXT", required_unless_present = "like", value_parser = search_text)]
    pub texts: Vec<String>,

    /// An example photo
    #[arg(long, value_name = "PHOTO")]
    pub like: Option<PathBuf>,

    /// How many photos to show
    #[arg(long, value_name = "N", default_value = "20")]
    pub top: NonZeroUsize,

    /// Show only photos with at least this score
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    pub min: Option<f32>,

    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,

    /// Write a page with the photos
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    #[command(flatten)]
    pub place: PlaceArgs,

    #[command(flatten)]
    pub exactness: ExactnessArgs,
}

fn search_text(text: &str) -> Result<String, String> {
    if text.trim_matches(['-', MINUS, ' ']).is_empty() {
        return Err("a description needs words".to_owned());
    }
    Ok(text.to_owned())
}

/// Learn from your corrections: better tags for all photos
///
/// Learns from overrides.json and labels.json, for each category by itself, and keeps what
/// cross-validation finds to be better than before; `tag` uses it from then on. What you said by
/// hand still wins. Run it again after further corrections, or after changing the model or prompts.
#[derive(Debug, Args)]
pub struct LearnArgs {
    #[command(flatten)]
    pub collection: CollectionArgs,

    #[command(flatten)]
    pub exactness: ExactnessArgs,

    #[command(flatten)]
    pub truth: TruthArgs,

    /// Forget all that was learned
    #[arg(long)]
    pub forget: bool,
}

/// What the owner says is right.
#[derive(Debug, Args)]
pub struct TruthArgs {
    /// All tags of some photos, in the shape of tags.json [default: labels.json in the photo folder]
    #[arg(long, value_name = "FILE")]
    pub labels: Vec<PathBuf>,

    #[command(flatten)]
    pub overrides: OverridesArgs,
}

/// The owner's corrections.
#[derive(Debug, Args)]
pub struct OverridesArgs {
    /// Your corrections [default: overrides.json in the photo folder]
    ///
    /// {"50": ["architecture"]} replaces a photo's tags, {"15": {"add": ["winter"], "remove":
    /// ["bw"]}} corrects them.
    #[arg(long, value_name = "FILE")]
    pub overrides: Option<PathBuf>,
}

/// Print raw vectors as JSON lines: files in the order given, then texts
#[derive(Debug, Args)]
pub struct EmbedArgs {
    /// Photos to embed
    #[arg(value_name = "FILE", required_unless_present = "text")]
    pub files: Vec<PathBuf>,

    /// A text to embed; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub text: Vec<String>,

    /// The model: a name (`phototag model list`), or a model's folder [default: the best installed]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,

    #[command(flatten)]
    pub exactness: ExactnessArgs,
}

/// Put your tags on the web: a whole site, or filter buttons for a page that exists
///
/// Reads tags.json; run `phototag tag DIR` before. Only changed photos are rendered again, and only
/// files that phototag wrote are ever replaced or deleted.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["out", "drop_in"]))]
pub struct GalleryArgs {
    /// The photo folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,

    /// Write a site into this folder, to put on any host or to open from disk
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,

    /// Write the filter buttons into this folder: a module, a stylesheet, categories.json, tags.json
    #[arg(long, value_name = "FOLDER")]
    pub drop_in: Option<PathBuf>,

    /// The tags [default: tags.json in the photo folder]
    #[arg(long, value_name = "FILE")]
    pub tags: Option<PathBuf>,

    #[command(flatten)]
    pub catalog: CatalogArgs,

    #[command(flatten)]
    pub key: KeyArgs,

    /// Show the site on this machine, and again whenever tags, catalog or photos change
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "8420", requires = "out")]
    pub serve: Option<u16>,

    /// Leave the place in the photos that are written
    #[arg(long, requires = "out")]
    pub keep_gps: bool,

    /// Exit with 1 if a photo could not be read
    #[arg(long)]
    pub strict: bool,

    /// How many photos are rendered at a time [default: one for each core]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// Which photos, and where things are kept: the same for every command on a photo folder.
#[derive(Debug, Args)]
pub struct CollectionArgs {
    /// Photo folders, or single photos; catalog, index and tags.json belong to the first one
    #[arg(value_name = "DIR", required = true)]
    pub inputs: Vec<PathBuf>,

    #[command(flatten)]
    pub place: PlaceArgs,

    #[command(flatten)]
    pub key: KeyArgs,

    /// How many photos are decoded and embedded at a time [default: one for each core]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// Where the catalog is.
#[derive(Debug, Args)]
pub struct CatalogArgs {
    /// The catalog [default: phototag.toml in the photo folder, else the built-in one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Where what belongs to a photo folder is.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    #[command(flatten)]
    pub catalog: CatalogArgs,

    /// The model: a name, or a model's folder [default: what the catalog says]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,

    /// Where the index is kept [default: .phototag/index.sqlite in the photo folder]
    #[arg(long, value_name = "FILE")]
    pub index: Option<PathBuf>,
}

/// How photos are named.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// How photos are named in tags.json
    #[arg(long, value_enum, default_value_t = KeyStyle::Stem)]
    pub key: KeyStyle,
}

/// `--key`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KeyStyle {
    /// The file name without its ending: "15"
    Stem,
    /// The file name: "15.jpg"
    Name,
    /// The path below the photo folder: "2019/15.jpg"
    Path,
}

impl From<KeyStyle> for scan::KeyStyle {
    fn from(style: KeyStyle) -> Self {
        match style {
            KeyStyle::Stem => Self::Stem,
            KeyStyle::Name => Self::Name,
            KeyStyle::Path => Self::Path,
        }
    }
}

impl PlaceArgs {
    /// The place that these flags and `folder` name.
    pub fn of(self, folder: PathBuf, precision: Option<clip::Precision>) -> Place {
        Place {
            config: self.catalog.config,
            model: self.model,
            index: self.index,
            precision,
            ..Place::of(folder)
        }
    }
}

impl CollectionArgs {
    /// The place that was typed.
    pub fn place(self, precision: Option<clip::Precision>) -> Place {
        Place {
            inputs: self.inputs,
            keys: self.key.key.into(),
            jobs: self.jobs,
            ..self.place.of(PathBuf::new(), precision)
        }
    }
}

impl TruthArgs {
    /// The files that were named.
    pub fn files(self) -> TruthFiles {
        TruthFiles {
            labels: self.labels,
            overrides: self.overrides.overrides,
        }
    }
}

/// For every command that embeds, but `tune`, whose `--precision` is the one of tags.
#[derive(Debug, Args)]
pub struct ExactnessArgs {
    /// How exactly to compute with models in safetensors [default: what `phototag model check` found,
    /// else the fastest here that is as good as exact]
    #[arg(long)]
    pub precision: Option<Precision>,
}

/// `--precision`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Precision {
    /// Single precision
    F32,
    /// Factors of 16 bits: as good as exact, and fast on processors with a unit for them
    Bf16,
    /// Factors of 8 bits: fastest, vectors slightly off, kept apart from the others
    Int8,
}

impl ExactnessArgs {
    pub fn precision(&self) -> Option<clip::Precision> {
        self.precision.map(Into::into)
    }
}

impl From<Precision> for clip::Precision {
    fn from(asked: Precision) -> Self {
        match asked {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Self::Bf16,
            Precision::Int8 => Self::Int8,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_table_is_sound_and_every_flag_explains_itself() {
        Cli::command().debug_assert();
        let mut commands = Vec::new();
        explained(&Cli::command(), "", &mut commands);
        assert!(commands.contains(&"phototag model pull".to_owned()));
    }

    /// Fails unless a command, its subcommands and all their arguments have help.
    fn explained(command: &clap::Command, parent: &str, commands: &mut Vec<String>) {
        let name = format!("{parent} {}", command.get_name());
        let name = name.trim_start();
        assert!(command.get_about().is_some(), "{name}");
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "{name} {}",
                argument.get_id()
            );
        }
        for below in command.get_subcommands() {
            explained(below, name, commands);
        }
        commands.push(name.to_owned());
    }
}
