//! Owns the words of GEOSEARCH, GEORADIUS and their like.

use super::shape::Shape;
use super::{Place, parse_unit};
use crate::command::context::is_word;
use crate::command::error::{CommandError, repeat};
use crate::command::sorted_set::read_score;
use hyperion_model::number::parse_integer;

/// What a command's name says of its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// GEOSEARCH
    Search,
    /// GEOSEARCHSTORE
    SearchStore,
    /// GEORADIUS and GEORADIUSBYMEMBER: middle and radius are read already, STORE is a word.
    Radius,
    /// As those, and STORE is none.
    RadiusReadOnly,
}

/// The order of the places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Nearest,
    Farthest,
}

/// Where the middle is; that of a member is not known where the key is not there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Middle {
    At(Place),
    OfMember(Option<Place>),
}

/// Finds the place of a member.
pub(super) type Finder<'f> = &'f dyn Fn(&[u8]) -> Result<Option<Place>, CommandError>;

/// The words of a command.
#[derive(Clone, Debug, Default)]
pub(super) struct Options<'a> {
    pub(super) middle: Option<Middle>,
    pub(super) shape: Option<Shape>,
    /// Metres of the unit in which distances are told.
    pub(super) unit: f64,
    pub(super) with_distance: bool,
    pub(super) with_cell: bool,
    pub(super) with_place: bool,
    pub(super) order: Option<Order>,
    pub(super) count: Option<u64>,
    /// The first that are found will do.
    pub(super) any: bool,
    pub(super) target: Option<&'a [u8]>,
    pub(super) stores_distance: bool,
}

const NOT_POSITIVE: CommandError = CommandError::Says("ERR COUNT must be > 0");
const ANY: CommandError = CommandError::Says("ERR the ANY argument requires COUNT argument");
const SEARCH_STORE: CommandError = CommandError::Says(
    "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
);
const RADIUS_STORE: CommandError = CommandError::Says(
    "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
);

/// `radius unit`: the shape, and the metres of the unit.
///
/// # Errors
/// When they are no length.
pub(super) fn parse_radius(radius: &[u8], unit: &[u8]) -> Result<(Shape, f64), CommandError> {
    let radius = read_score(radius).ok_or(CommandError::Says("ERR need numeric radius"))?;
    if radius < 0.0 {
        return Err(CommandError::Says("ERR radius cannot be negative"));
    }
    let unit = parse_unit(unit)?;
    Ok((Shape::Circle { radius: radius * unit }, unit))
}

fn parse_box(width: &[u8], height: &[u8], unit: &[u8]) -> Result<(Shape, f64), CommandError> {
    let width = read_score(width).ok_or(CommandError::Says("ERR need numeric width"))?;
    let height = read_score(height).ok_or(CommandError::Says("ERR need numeric height"))?;
    if width < 0.0 || height < 0.0 {
        return Err(CommandError::Says("ERR height or width cannot be negative"));
    }
    let unit = parse_unit(unit)?;
    Ok((Shape::Box { width: width * unit, height: height * unit }, unit))
}

impl<'a> Options<'a> {
    /// Reads words into what is known already. `name`: the command as the client wrote it.
    pub(super) fn parse(
        mut self,
        form: Form,
        name: &[u8],
        words: &[&'a [u8]],
        find: Finder<'_>,
    ) -> Result<Self, CommandError> {
        let mut rest = words;
        while let [word, behind @ ..] = rest {
            rest = self.parse_one(form, word, behind, find)?;
        }
        let is_search = matches!(form, Form::Search | Form::SearchStore);
        let tells_more = self.with_distance || self.with_cell || self.with_place;
        if tells_more && form == Form::SearchStore {
            return Err(SEARCH_STORE);
        }
        if tells_more && self.target.is_some() {
            return Err(RADIUS_STORE);
        }
        let exactly = |what: &str| {
            let text = format!("ERR exactly one of {what} can be specified for {}", repeat(name));
            CommandError::Explains(text)
        };
        if is_search && self.middle.is_none() {
            return Err(exactly("FROMMEMBER or FROMLONLAT"));
        }
        if is_search && self.shape.is_none() {
            return Err(exactly("BYRADIUS and BYBOX"));
        }
        if self.any && self.count.is_none() {
            return Err(ANY);
        }
        if self.count.is_some() && !self.any && self.order.is_none() {
            self.order = Some(Order::Nearest);
        }
        Ok(self)
    }

    /// Reads a word, and those that belong to it; gives what is left.
    fn parse_one<'w>(
        &mut self,
        form: Form,
        word: &[u8],
        rest: &'w [&'a [u8]],
        find: Finder<'_>,
    ) -> Result<&'w [&'a [u8]], CommandError> {
        let is_search = matches!(form, Form::Search | Form::SearchStore);
        let is = |name| is_word(word, name);
        match *rest {
            _ if is("withdist") => self.with_distance = true,
            _ if is("withhash") => self.with_cell = true,
            _ if is("withcoord") => self.with_place = true,
            _ if is("any") => self.any = true,
            _ if is("asc") => self.order = Some(Order::Nearest),
            _ if is("desc") => self.order = Some(Order::Farthest),
            _ if form == Form::SearchStore && is("storedist") => self.stores_distance = true,
            [count, ..] if is("count") => {
                let count = parse_integer(count).ok_or(CommandError::NotInteger)?;
                let count = u64::try_from(count).ok().filter(|&count| count > 0);
                self.count = Some(count.ok_or(NOT_POSITIVE)?);
                return Ok(&rest[1..]);
            }
            [target, ..] if form == Form::Radius && (is("store") || is("storedist")) => {
                self.target = Some(target);
                self.stores_distance = is("storedist");
                return Ok(&rest[1..]);
            }
            [member, ..]
                if is_search && is("frommember") && !matches!(self.middle, Some(Middle::At(_))) =>
            {
                self.middle = Some(Middle::OfMember(find(member)?));
                return Ok(&rest[1..]);
            }
            [longitude, latitude, ..]
                if is_search
                    && is("fromlonlat")
                    && !matches!(self.middle, Some(Middle::OfMember(_))) =>
            {
                self.middle = Some(Middle::At(Place::parse(longitude, latitude)?));
                return Ok(&rest[2..]);
            }
            [radius, unit, ..]
                if is_search
                    && is("byradius")
                    && !matches!(self.shape, Some(Shape::Box { .. })) =>
            {
                let (shape, unit) = parse_radius(radius, unit)?;
                (self.shape, self.unit) = (Some(shape), unit);
                return Ok(&rest[2..]);
            }
            [width, height, unit, ..]
                if is_search
                    && is("bybox")
                    && !matches!(self.shape, Some(Shape::Circle { .. })) =>
            {
                let (shape, unit) = parse_box(width, height, unit)?;
                (self.shape, self.unit) = (Some(shape), unit);
                return Ok(&rest[3..]);
            }
            _ => return Err(CommandError::Syntax),
        }
        Ok(rest)
    }
}
