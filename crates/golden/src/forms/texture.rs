//! Texture fetches (PTX manual, 9.7.10) over small textures.

use crate::form::{Bound, Float, Form};
use crate::kind::Kind::{self, Texel as TexelKind, TexelIndex, Unit};
use crate::kind::Width::{B16, B32, B64};
use crate::texture::{Address, Binding, Texel, Texture};

pub(super) fn add(forms: &mut Vec<Form>) {
    layers_and_surfaces(forms);
    for dimensions in [1, 2, 3] {
        for texel in [Texel::F32, Texel::F32x4, Texel::U8x4, Texel::F16x2] {
            for address in [Address::Wrap, Address::Clamp, Address::Mirror, Address::Border] {
                for linear in [false, true] {
                    for normalized in [false, true] {
                        // The driver takes wrapping and mirroring for normalised coordinates alone.
                        if !normalized && matches!(address, Address::Wrap | Address::Mirror) {
                            continue;
                        }
                        // The many combinations for one format; the ends for the others.
                        if texel != Texel::F32 && (address == Address::Mirror || (dimensions != 2 && linear))
                        {
                            continue;
                        }
                        let texture = Texture {
                            dimensions,
                            texel,
                            linear,
                            normalized,
                            address,
                            as_integer: false,
                            binding: Binding::Texture,
                        };
                        forms.push(fetch(texture, "f32", if normalized { Unit } else { TexelKind }));
                    }
                }
            }
        }
        for (texel, name) in [
            (Texel::U8x4, "u32"),
            (Texel::S8, "s32"),
            (Texel::U16, "u32"),
            (Texel::S32, "s32"),
            (Texel::F32, "f32"),
        ] {
            let as_integer = texel != Texel::F32;
            let texture = Texture {
                dimensions,
                texel,
                linear: false,
                normalized: false,
                address: Address::Border,
                as_integer,
                binding: Binding::Texture,
            };
            forms.push(fetch(texture, name, TexelIndex));
            forms.push(fetch(texture, name, TexelKind));
        }
    }
    let texture = Texture {
        dimensions: 2,
        texel: Texel::F32x4,
        linear: true,
        normalized: true,
        address: Address::Clamp,
        as_integer: false,
        binding: Binding::Texture,
    };
    for component in ["r", "g", "b", "a"] {
        let text = format!("tld4.{component}.2d.v4.f32.f32 {{d0, d1, d2, d3}}, [tex, {{a, b}}];");
        let mut form = Form::new("tld4", text, &[Unit, Unit], B32).registers(&[1, 1], 4);
        form.texture = Some(texture);
        forms.push(form);
    }
    for query in [
        "width",
        "height",
        "depth",
        "channel_data_type",
        "channel_order",
        "normalized_coords",
        "addr_mode_0",
        "filter_mode",
    ] {
        let mut form = Form::new("txq", format!("txq.{query}.b32 d, [tex];"), &[Unit], B32);
        form.texture = Some(texture);
        forms.push(form);
    }
}

/// Textures of layers, whose number is clamped; surfaces, whose x counts bytes.
fn layers_and_surfaces(forms: &mut Vec<Form>) {
    let plain = Texture {
        dimensions: 2,
        texel: Texel::F32,
        linear: false,
        normalized: false,
        address: Address::Clamp,
        as_integer: false,
        binding: Binding::Layers,
    };
    for (dimensions, geometry, list) in [(1, "a1d", "{c, a}"), (2, "a2d", "{c, a, b, b}")] {
        for linear in [false, true] {
            for (normalized, kind) in [(false, TexelKind), (true, Unit)] {
                let text = format!("tex.{geometry}.v4.f32.f32 {{d0, d1, d2, d3}}, [tex, {list}];");
                let mut form = Form::new("tex", text, &[kind, kind, TexelIndex], B32)
                    .registers(&[1, 1, 1], 4)
                    .cases(384);
                form.texture = Some(Texture { dimensions, linear, normalized, ..plain });
                forms.push(if linear { form.near(Float::F32, Bound::absolute(-2.0)) } else { form });
            }
        }
    }
    for (dimensions, list) in [(1, "{t0}"), (2, "{t0, b}"), (3, "{t0, b, c, c}")] {
        for (texel, width, bytes) in [
            (Texel::S8, "b8", 1),
            (Texel::U16, "b16", 2),
            (Texel::F32, "b32", 4),
            (Texel::U8x4, "v4.b8", 4),
            (Texel::F32x4, "v4.b32", 16),
            (Texel::F32x4, "v2.b64", 16),
        ] {
            for mode in ["clamp", "zero"] {
                let (count, results) = match width {
                    "v4.b8" | "v4.b32" => (4, "{d0, d1, d2, d3}"),
                    "v2.b64" => (2, "{d0, d1}"),
                    _ => (1, "{d}"),
                };
                let result = match width {
                    "v2.b64" => B64,
                    "b8" | "b16" | "v4.b8" => B16,
                    _ => B32,
                };
                let text = format!(
                    "mul.lo.s32 t0, a, {bytes}; suld.b.{dimensions}d.{width}.{mode} {results}, [tex, {list}];"
                );
                let mut form =
                    Form::new("suld", text, &[TexelIndex; 3], result).registers(&[1, 1, 1], count).cases(256);
                form.texture = Some(Texture { dimensions, texel, binding: Binding::Surface, ..plain });
                forms.push(form);
            }
        }
    }
}

fn fetch(texture: Texture, result: &str, coordinate: Kind) -> Form {
    let (geometry, list) = match texture.dimensions {
        1 => ("1d", "{a}"),
        2 => ("2d", "{a, b}"),
        _ => ("3d", "{a, b, c, c}"),
    };
    let coordinate_type = if coordinate == TexelIndex { "s32" } else { "f32" };
    let text = format!("tex.{geometry}.v4.{result}.{coordinate_type} {{d0, d1, d2, d3}}, [tex, {list}];");
    let sources = vec![coordinate; usize::from(texture.dimensions)];
    let mut form = Form::new("tex", text, &sources, B32).registers(&[1, 1, 1], 4).cases(384);
    form.texture = Some(texture);
    if texture.linear {
        // The weights have 8 bits of fraction; how the sums are rounded is nowhere written.
        let size = if texture.texel == Texel::U8x4 { 1.0 } else { 128.0 };
        form = form.near(Float::F32, Bound { absolute: size / 512.0, ..Bound::relative(-9.0) });
    }
    form
}
