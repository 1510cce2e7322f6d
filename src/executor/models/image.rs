//! Images for vision tasks: fetched, decoded within limits, made small, and sent as JPEG.

use std::io::Cursor;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};
use tokio::sync::Semaphore;

use super::parameters::ImageSource;
use crate::core::command::FailureReport;
use crate::core::errors::{
    FILE_ACCESS_DENIED, HTTP_REQUEST_FAILED, IMAGE_FILE_NOT_FOUND, IMAGE_INVALID, INTERNAL_ERROR,
    PAYLOAD_TOO_LARGE,
};
use crate::executor::file::{FileError, Root};
use crate::executor::outbound::{Outbound, OutboundError, Request};
use crate::executor::work::failure;

/// Models look at no more than this; what is larger costs tokens and shows them nothing.
const SIDE_MAX: u32 = 1_024;
const JPEG_QUALITY: u8 = 85;
/// A file of a good camera. With [`DECODING_MAX`] it bounds what images may hold of memory.
const BYTES_MAX: usize = 20 << 20;
/// Pixels of an image before it is made small: 160 MB decoded. A file of a few bytes may claim any number.
const PIXELS_MAX: u64 = 40_000_000;
const DECODED_BYTES_MAX: u64 = 256 << 20;
/// Images that are decoded at once; more would only wait for a core, each with its pixels.
const DECODING_MAX: usize = 2;

#[derive(Debug)]
pub struct Images {
    outbound: Outbound,
    /// The folder of the file tasks, where there is one.
    files: Option<Arc<Root>>,
    decoding: Arc<Semaphore>,
}

impl Images {
    pub fn new(outbound: Outbound, files: Option<Arc<Root>>) -> Self {
        Self { outbound, files, decoding: Arc::new(Semaphore::new(DECODING_MAX)) }
    }

    /// The image as a small JPEG in base64.
    ///
    /// # Errors
    /// That it cannot be had, or is none.
    pub async fn load(&self, source: &ImageSource) -> Result<String, FailureReport> {
        let bytes = match source {
            ImageSource::Base64(text) => decoded(text)?,
            ImageSource::Url(url) => self.fetched(url).await?,
            ImageSource::Path(path) => self.read(path).await?,
        };
        if bytes.len() > BYTES_MAX {
            let message = format!("the image has {} bytes; the limit is {BYTES_MAX}", bytes.len());
            return Err(failure(PAYLOAD_TOO_LARGE, message));
        }
        let slot = Arc::clone(&self.decoding).acquire_owned().await.expect("slots are never closed");
        let shrunk = tokio::task::spawn_blocking(move || {
            // Held by the work and not by the task, which may be cancelled meanwhile.
            let _slot = slot;
            shrink(&bytes)
        });
        let shrunk = shrunk.await.map_err(|error| {
            let message = format!("decoding the image broke: {error}; please report the image");
            failure(INTERNAL_ERROR, message)
        })?;
        let jpeg = shrunk.map_err(|reason| failure(IMAGE_INVALID, reason))?;
        Ok(STANDARD.encode(jpeg))
    }

    /// Out of the folder that the operator has opened for tasks, and from nowhere else.
    async fn read(&self, path: &str) -> Result<Vec<u8>, FailureReport> {
        let Some(root) = self.files.clone() else {
            let message = "`image_path` names a file, and tasks may see none: start the server with --files-root DIR \
                           (or `root` under `[files]` in its configuration), or give `image_url` or `base64`";
            return Err(failure(FILE_ACCESS_DENIED, message));
        };
        let path = path.to_owned();
        let bytes = tokio::task::spawn_blocking(move || root.read(&path, BYTES_MAX)).await;
        let bytes = bytes.unwrap_or_else(|broken| Err(FileError::Broken(broken.to_string())));
        bytes.map_err(|error| {
            let code = match &error {
                FileError::NotFound(_) => IMAGE_FILE_NOT_FOUND,
                FileError::TooLarge { path, limit, .. } => {
                    let message = format!("the image `{path}` is larger than the limit of {limit} bytes");
                    return failure(PAYLOAD_TOO_LARGE, message);
                }
                FileError::Invalid(_)
                | FileError::Denied { .. }
                | FileError::System { .. }
                | FileError::Broken(_)
                | FileError::Stopped(_) => error.code(),
            };
            failure(code, format!("the image cannot be read: {error}"))
        })
    }

    /// From an address that the user names, so only from where the configuration lets such requests go.
    async fn fetched(&self, url: &str) -> Result<Vec<u8>, FailureReport> {
        let failed = |error: &OutboundError| FailureReport {
            retryable: Some(error.is_transient()),
            ..failure(error.code(), format!("the image cannot be fetched: {error}"))
        };
        let request = Request::new("GET", url, BYTES_MAX).map_err(|error| failed(&error))?;
        let response = self.outbound.send(request).await.map_err(|error| failed(&error))?;
        if (200..300).contains(&response.status) {
            return Ok(response.body);
        }
        let message = format!("the image cannot be fetched: {} answered {}", response.url, response.status);
        let may_pass = response.status >= 500 || response.status == 429;
        Err(FailureReport { retryable: Some(may_pass), ..failure(HTTP_REQUEST_FAILED, message) })
    }
}

/// Plain base64, or the `data:` URL that holds it.
fn decoded(text: &str) -> Result<Vec<u8>, FailureReport> {
    let text = match text.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,").map_or("", |(_, text)| text),
        None => text,
    };
    // Line breaks come with files that were encoded for mails.
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(text).map_err(|error| {
        failure(IMAGE_INVALID, format!("`base64` is no base64 ({error}); give the bytes of an image in it"))
    })
}

/// # Errors
/// Why these bytes are no image that can be looked at.
fn shrink(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let unreadable = |error: image::ImageError| format!("the image cannot be decoded: {error}");
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| format!("the image cannot be read: {error}"))?;
    if reader.format().is_none() {
        return Err("these bytes are no image of a known kind (PNG, JPEG, GIF, BMP, TIFF, WebP)".to_owned());
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(format!("the image has {width} x {height} pixels; the limit is {PIXELS_MAX} in all"));
    }
    let orientation = decoder.orientation().map_err(unreadable)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    if width.max(height) > SIDE_MAX {
        image = image.resize(SIDE_MAX, SIDE_MAX, FilterType::Triangle);
    }
    image.apply_orientation(orientation);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY)
        .encode_image(&on_white(&image))
        .map_err(|error| format!("the image cannot be written as JPEG: {error}"))?;
    Ok(jpeg)
}

/// What is transparent would turn black in a JPEG, and text on it could not be read.
fn on_white(image: &DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.to_rgb8();
    }
    let mut flat = RgbImage::new(image.width(), image.height());
    for (from, to) in image.to_rgba8().pixels().zip(flat.pixels_mut()) {
        let [red, green, blue, alpha] = from.0.map(u32::from);
        let over = |color: u32| u8::try_from((color * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX);
        to.0 = [over(red), over(green), over(blue)];
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, RgbaImage};

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn seen(bytes: &[u8]) -> RgbImage {
        let jpeg = shrink(bytes).unwrap();
        assert_eq!(image::guess_format(&jpeg).unwrap(), ImageFormat::Jpeg);
        image::load_from_memory(&jpeg).unwrap().to_rgb8()
    }

    #[test]
    fn large_images_are_made_small_and_small_ones_stay() {
        let wide = DynamicImage::ImageRgb8(RgbImage::from_pixel(3_000, 1_000, image::Rgb([200, 30, 30])));
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Gif] {
            let small = seen(&encoded(&wide, format));
            assert_eq!(small.dimensions(), (1_024, 341), "{format:?}");
            assert!(small.get_pixel(500, 100).0[0] > 180, "{format:?}");
        }
        let little = DynamicImage::ImageRgb8(RgbImage::new(10, 20));
        assert_eq!(seen(&encoded(&little, ImageFormat::Png)).dimensions(), (10, 20));
    }

    #[test]
    fn what_is_transparent_is_white() {
        let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(16, 16, image::Rgba([0, 0, 0, 0])));
        assert!(seen(&encoded(&clear, ImageFormat::Png)).get_pixel(8, 8).0.iter().all(|color| *color > 250));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let wide = DynamicImage::ImageLuma8(image::GrayImage::new(20_000, 2_001));
        for (bytes, expected) in [
            (b"hello".to_vec(), "no image of a known kind"),
            (b"\x89PNG\r\n\x1a\n and then nothing".to_vec(), "cannot be decoded"),
            (encoded(&wide, ImageFormat::Png), "20000 x 2001 pixels"),
        ] {
            let error = shrink(&bytes).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
        assert!(decoded("no base64!").is_err());
        assert_eq!(decoded("data:image/png;base64,aGk=\n").unwrap(), b"hi");
    }
}
