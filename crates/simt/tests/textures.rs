//! Textures and surfaces: what lies outside of them, layers, levels, and memory that is gone. How texels are filtered is
//! held against a GPU elsewhere (`crates/golden`).
#![expect(clippy::result_large_err, reason = "tests look at the whole fault")]

mod common;

use common::{Machine, Parameters, settings};
use cuferry_simt::{AddressMode, Bound, Channel, Fault, FaultKind, Image, Isa, Shape, Texture};

/// A 4 by 2 image of 32-bit integers, its texels numbered from 100, so many layers of it.
fn image(machine: &Machine, shape: Shape, layers: u32) -> Image {
    let count = 4 * 2 * layers.max(1);
    let texels: Vec<u32> = (100..100 + count).collect();
    Image {
        address: machine.upload(&texels),
        shape,
        width: 4,
        height: 2,
        depth: 1,
        layers,
        pitch: 16,
        slice: 32,
        channel: Channel::U32,
        channels: 1,
    }
}

fn texture(levels: Vec<Image>, normalized: bool) -> Bound {
    Bound::Texture(Texture {
        levels,
        address: [AddressMode::Clamp; 3],
        linear: false,
        normalized,
        integers: true,
        srgb: false,
        border: [0.0; 4],
        level_linear: false,
        level_bias: 0.0,
        level_range: [0.0, 1.0],
    })
}

/// What one thread gets from instructions that write `%r0`; `%h` holds the handle.
fn ask(machine: &Machine, handle: u64, instructions: &str) -> Result<u32, Fault> {
    let text = format!(
        ".version 8.0 .target sm_90 .address_size 64
        .visible .entry ask(.param .u64 handle, .param .u64 out) {{
            .reg .b64 %h, %o; .reg .b32 %r<8>; .reg .b16 %s<4>; .reg .f32 %f<8>; .reg .pred %p;
            ld.param.u64 %h, [handle]; ld.param.u64 %o, [out]; mov.u32 %r0, 77;
            {instructions}
            st.global.u32 [%o], %r0; exit;
        }}"
    );
    let out = machine.upload(&[0_u32]);
    let program = machine.load(&text);
    let parameters = Parameters::new().with(handle).with(out);
    machine.run(&program, "ask", [1; 3], [1; 3], parameters.bytes())?;
    Ok(machine.download::<u32>(out, 1)[0])
}

#[test]
fn surfaces_and_what_lies_outside() {
    let machine = Machine::new(settings(Isa::best()));
    let surface = machine.device.objects().bind(Bound::Surface(image(&machine, Shape::D2, 0)));
    let get = |instructions: &str| ask(&machine, surface, instructions);
    assert_eq!(get("suld.b.2d.b32.trap {%r0}, [%h, {8, 1}];").unwrap(), 106);
    assert_eq!(get("suld.b.2d.b32.clamp {%r0}, [%h, {400, -3}];").unwrap(), 103);
    assert_eq!(get("suld.b.2d.b32.zero {%r0}, [%h, {16, 0}];").unwrap(), 0);
    let fault = get("suld.b.2d.b32.trap {%r0}, [%h, {0, 2}];").unwrap_err();
    assert!(fault.to_string().contains("out of bounds: read of 4 bytes at surface address 0x0"), "{fault}");
    let fault = get("suld.b.2d.b32.trap {%r0}, [%h, {2, 0}];").unwrap_err();
    assert_eq!(fault.kind, FaultKind::Misaligned);

    let write = "mov.u32 %r1, 500; sust.b.2d.b32.trap [%h, {4, 0}], {%r1};";
    let outside = "sust.b.2d.b32.zero [%h, {4, 9}], {%r2};";
    assert_eq!(get(&format!("{write} {outside} suld.b.2d.b32.trap {{%r0}}, [%h, {{4, 0}}];")).unwrap(), 500);
    // By texels: the second, again.
    let whole = "mov.u32 %r1, 600; sust.p.2d.b32.trap [%h, {1, 0}], {%r1};";
    assert_eq!(get(&format!("{whole} suld.b.2d.b32.trap {{%r0}}, [%h, {{4, 0}}];")).unwrap(), 600);
    assert_eq!(get("suq.width.b32 %r0, [%h];").unwrap(), 4);
}

#[test]
fn layers_and_levels() {
    let machine = Machine::new(settings(Isa::best()));
    let layered = machine.device.objects().bind(texture(vec![image(&machine, Shape::D2, 3)], false));
    let at = |layer: i32| {
        let fetch = format!("mov.u32 %r1, {layer}; mov.f32 %f1, 0f3FC00000;");
        let fetch = format!("{fetch} tex.a2d.v4.u32.f32 {{%r0, _, _, _}}, [%h, {{%r1, %f1, %f1, %f1}}];");
        ask(&machine, layered, &fetch).unwrap()
    };
    assert_eq!([0, 1, 2, 9].map(at), [105, 113, 121, 121]);

    let small = Image { width: 2, height: 1, pitch: 8, slice: 8, ..image(&machine, Shape::D2, 0) };
    let levels = vec![image(&machine, Shape::D2, 0), small];
    let mipmap = machine.device.objects().bind(texture(levels, true));
    let at = |level: &str| {
        let fetch = format!(
            "mov.f32 %f1, 0f3F700000; tex.level.2d.v4.u32.f32 {{%r0, _, _, _}}, [%h, {{%f1, %f1}}], {level};"
        );
        ask(&machine, mipmap, &fetch).unwrap()
    };
    assert_eq!(["0f00000000", "0f3F800000", "0f41000000"].map(at), [107, 101, 101]);
    assert_eq!(ask(&machine, mipmap, "txq.num_mipmap_levels.b32 %r0, [%h];").unwrap(), 2);
}

#[test]
fn a_fetch_says_that_it_was_resident_and_a_guard_keeps_it_from_happening() {
    let machine = Machine::new(settings(Isa::best()));
    let plain = machine.device.objects().bind(texture(vec![image(&machine, Shape::D2, 0)], false));
    let fetch = "tex.2d.v4.u32.s32 {%r0, _, _, _}|%p, [%h, {%r1, %r1}];";
    let found =
        ask(&machine, plain, &format!("mov.u32 %r1, 1; {fetch} @%p add.u32 %r0, %r0, 1000;")).unwrap();
    assert_eq!(found, 1105);
    // No handle is 0.
    let kept =
        "mov.u64 %h, 0; setp.ne.u64 %p, %h, 0; @%p tex.2d.v4.u32.s32 {%r0, _, _, _}, [%h, {%r1, %r1}];";
    assert_eq!(ask(&machine, plain, kept).unwrap(), 77);
}

#[test]
fn handles_and_memory_that_are_gone() {
    let machine = Machine::new(settings(Isa::best()));
    let fetch = "tex.2d.v4.u32.s32 {%r0, _, _, _}, [%h, {%r1, %r1}];";
    let image = image(&machine, Shape::D2, 0);
    let plain = machine.device.objects().bind(texture(vec![image], false));
    assert!(ask(&machine, plain, fetch).is_ok());
    machine.device.memory().free(image.address).unwrap();
    assert_eq!(ask(&machine, plain, fetch).unwrap_err().kind, FaultKind::UseAfterFree);
    assert!(machine.device.objects().release(plain) && !machine.device.objects().release(plain));
    let fault = ask(&machine, plain, fetch).unwrap_err();
    assert!(fault.to_string().contains("no texture or surface has the handle"), "{fault}");

    let program = machine.load(
        ".version 8.0 .target sm_90 .address_size 64 .global .texref named;
        .visible .entry ask() { .reg .b32 %r<4>; .reg .f32 %f1;
            tex.1d.v4.u32.f32 {%r0, %r1, %r2, %r3}, [named, {%f1}]; exit; }",
    );
    let refusals = program.unsupported(program.kernel("ask").unwrap(), &machine.device);
    assert!(refusals[0].to_string().contains("texture and surface references are not supported"));
}

/// Between the slices of a volume, as an H200 answered. The eight weights are seen one by one, each with its own texel.
#[test]
fn the_weights_of_a_volume() {
    // x, y and z in 256ths of a step, and the weights of texels x first, z last.
    let cases = [
        ([160, 239, 92], [4, 7, 57, 96, 2, 4, 32, 54]),
        ([60, 96, 0], [123, 37, 73, 23, 0, 0, 0, 0]),
        ([254, 128, 188], [1, 33, 0, 34, 1, 93, 0, 94]),
    ];
    let machine = Machine::new(settings(Isa::best()));
    for (at, weights) in cases {
        let coordinates = at.map(|step: u16| (f32::from(step) / 256.0 + 0.5).to_bits());
        for (lit, weight) in weights.into_iter().enumerate() {
            let texels: Vec<f32> = (0..8).map(|texel| if texel == lit { 256.0 } else { 0.0 }).collect();
            let volume = Image {
                address: machine.upload(&texels),
                shape: Shape::D3,
                width: 2,
                height: 2,
                depth: 2,
                layers: 0,
                pitch: 8,
                slice: 16,
                channel: Channel::F32,
                channels: 1,
            };
            let Bound::Texture(plain) = texture(vec![volume], false) else {
                unreachable!("it makes a texture")
            };
            let handle = machine.device.objects().bind(Bound::Texture(Texture { linear: true, ..plain }));
            let [x, y, z] = coordinates.map(|bits| format!("0f{bits:08X}"));
            let fetch = format!(
                "mov.f32 %f1, {x}; mov.f32 %f2, {y}; mov.f32 %f3, {z};
                tex.3d.v4.f32.f32 {{%f4, _, _, _}}, [%h, {{%f1, %f2, %f3, %f3}}]; cvt.rni.u32.f32 %r0, %f4;"
            );
            assert_eq!(ask(&machine, handle, &fetch).unwrap(), weight, "{at:?}, texel {lit}");
        }
    }
}
