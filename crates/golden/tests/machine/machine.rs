//! One launch on the interpreter: buffers in, buffers out.

use std::sync::{Arc, Mutex};

use cuferry_golden::texture::{Address, Binding, Texel, Texture};
use cuferry_simt::{
    AddressMode, Bound, Channel, Device, Fault, FaultKind, Image, Isa, Kind, Launch, Memory, MemorySettings,
    Program, Settings, Shape as ImageShape, Source, Texture as Bindable, launch,
};

/// A device, and what its kernels printed.
pub(crate) struct Machine {
    device: Device,
    printed: Arc<Mutex<Vec<u8>>>,
}

/// How a kernel is started.
pub(crate) struct Shape {
    pub(crate) grid: [usize; 2],
    pub(crate) block: [usize; 2],
    pub(crate) shared: usize,
    pub(crate) cooperative: bool,
}

/// Why there are no results.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The machine does not support it, and said so by name.
    Refused(String),
    /// It does, but went wrong.
    Fault(String),
}

impl Machine {
    pub(crate) fn new(isa: Isa) -> Self {
        let memory = Memory::new(&MemorySettings { reserve: 1 << 36, limit: 1 << 30 })
            .expect("there is address space");
        let printed = Arc::new(Mutex::new(Vec::new()));
        // No launch here needs more; one that hangs is to be told.
        let settings = Settings { isa: Some(isa), workers: 1, fuel: Some(20_000_000), ..Settings::default() };
        let device = Device::new(settings, Arc::new(memory), Box::new(Arc::clone(&printed)));
        Self { device, printed }
    }

    pub(crate) fn load(&self, name: &str, text: String) -> Result<Program, String> {
        Program::load(&self.device, vec![Source { name: name.to_owned(), text }])
            .map_err(|error| error.to_string())
    }

    /// What the kernel leaves in its outputs, which start as zeros.
    pub(crate) fn run(
        &self,
        program: &Program,
        name: &str,
        shape: &Shape,
        inputs: &[Vec<u8>],
        outputs: &[usize],
        texture: Option<Texture>,
    ) -> Result<Vec<Vec<u8>>, Stopped> {
        let kernel = program.kernel(name).ok_or_else(|| Stopped::Fault(format!("no kernel `{name}`")))?;
        if let Some(refusal) = program.unsupported(kernel, &self.device).first() {
            return Err(Stopped::Refused(refusal.to_string()));
        }
        let memory = self.device.memory();
        let allocate =
            |size: usize| memory.allocate(size as u64, 256, Kind::Device).expect("there is memory");
        let mut addresses = Vec::new();
        for input in inputs {
            let address = allocate(input.len());
            memory.write(address, input).expect("it was just allocated");
            addresses.push(address);
        }
        for size in outputs {
            let address = allocate(*size);
            memory.fill(address, 0, *size as u64).expect("it was just allocated");
            addresses.push(address);
        }
        let mut parameters: Vec<u8> = addresses.iter().flat_map(|address| address.to_le_bytes()).collect();
        let bound = texture.map(|texture| {
            let texels = texture.contents();
            let address = allocate(texels.len());
            memory.write(address, &texels).expect("it was just allocated");
            addresses.push(address);
            self.device.objects().bind(bindable(texture, address))
        });
        parameters.extend(bound.unwrap_or_default().to_le_bytes());
        let three = |extent: [usize; 2]| [extent[0] as u32, extent[1] as u32, 1];
        let launched = launch(
            &self.device,
            program,
            kernel,
            &Launch {
                grid: three(shape.grid),
                block: three(shape.block),
                cluster: None,
                dynamic_shared: shape.shared as u32,
                parameters: &parameters,
                cooperative: shape.cooperative,
            },
        );
        if let Some(handle) = bound {
            self.device.objects().release(handle);
        }
        let results = outputs.iter().zip(&addresses[inputs.len()..]).map(|(size, address)| {
            let mut bytes = vec![0; *size];
            memory.read(*address, &mut bytes).expect("it is still there");
            bytes
        });
        let results = results.collect();
        for address in addresses {
            memory.free(address).expect("it was allocated above");
        }
        launched.map(|_| results).map_err(|fault| stopped(&fault))
    }

    pub(crate) fn printed(&self) -> String {
        String::from_utf8_lossy(&self.printed.lock().expect("no test panics while it prints")).into_owned()
    }
}

/// As `tests/gpu/golden.cu` binds it.
fn bindable(texture: Texture, address: u64) -> Bound {
    let [width, height, depth] = texture.extent().map(|size| size.max(1) as u32);
    let (_, channels, bytes) = texture.texel.layout();
    let (depth, layers) = if texture.binding == Binding::Layers { (1, depth) } else { (depth, 0) };
    let pitch = u64::from(width) * (channels * bytes) as u64;
    let image = Image {
        address,
        shape: match texture.dimensions {
            1 => ImageShape::D1,
            2 => ImageShape::D2,
            _ => ImageShape::D3,
        },
        width,
        height,
        depth,
        layers,
        pitch,
        slice: pitch * u64::from(height),
        channel: match texture.texel {
            Texel::F32 | Texel::F32x4 => Channel::F32,
            Texel::U8x4 => Channel::U8,
            Texel::S8 => Channel::S8,
            Texel::F16x2 => Channel::F16,
            Texel::U16 => Channel::U16,
            Texel::S32 => Channel::S32,
        },
        channels: channels as u32,
    };
    if texture.binding == Binding::Surface {
        return Bound::Surface(image);
    }
    let mode = match texture.address {
        Address::Wrap => AddressMode::Wrap,
        Address::Clamp => AddressMode::Clamp,
        Address::Mirror => AddressMode::Mirror,
        Address::Border => AddressMode::Border,
    };
    Bound::Texture(Bindable {
        levels: vec![image],
        address: [mode; 3],
        linear: texture.linear,
        normalized: texture.normalized,
        integers: texture.as_integer,
        srgb: false,
        border: [0.0; 4],
        level_linear: false,
        level_bias: 0.0,
        level_range: [0.0; 2],
    })
}

fn stopped(fault: &Fault) -> Stopped {
    match fault.kind {
        FaultKind::Unsupported(_) => Stopped::Refused(fault.to_string()),
        _ => Stopped::Fault(fault.to_string()),
    }
}
