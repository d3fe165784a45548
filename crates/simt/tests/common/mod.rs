//! What the tests share: a device with memory, PTX text, and launches whose parameters are written as values.
#![allow(dead_code, reason = "each test uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on ends")]
#![expect(clippy::result_large_err, reason = "tests look at the whole fault")]

pub(crate) mod random;

use std::sync::{Arc, Mutex};

use cuferry_simt::{
    Device, Fault, Isa, Kind, Launch, Memory, MemorySettings, Program, Settings, Source, Stats, launch,
};

/// A device of one build, with its output.
pub(crate) struct Machine {
    pub(crate) device: Device,
    pub(crate) printed: Arc<Mutex<Vec<u8>>>,
}

/// Settings for tests: one worker, and fuel, so that nothing hangs.
pub(crate) fn settings(isa: Isa) -> Settings {
    Settings { workers: 1, isa: Some(isa), fuel: Some(50_000_000), ..Settings::default() }
}

/// The builds that this CPU runs.
pub(crate) fn builds() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

impl Machine {
    pub(crate) fn new(settings: Settings) -> Machine {
        let memory = Memory::new(&MemorySettings { reserve: 1 << 34, limit: 1 << 30 }).unwrap();
        let printed = Arc::new(Mutex::new(Vec::new()));
        let device = Device::new(settings, Arc::new(memory), Box::new(Arc::clone(&printed)));
        Machine { device, printed }
    }

    pub(crate) fn load(&self, text: &str) -> Program {
        let source = Source { name: "test.ptx".to_owned(), text: text.to_owned() };
        Program::load(&self.device, vec![source]).unwrap()
    }

    /// Device memory that holds these values.
    pub(crate) fn upload<T: Plain>(&self, values: &[T]) -> u64 {
        let bytes: Vec<u8> = values.iter().flat_map(Plain::bytes).collect();
        let address = self.device.memory().allocate(bytes.len() as u64, 256, Kind::Device).unwrap();
        self.device.memory().write(address, &bytes).unwrap();
        address
    }

    pub(crate) fn download<T: Plain>(&self, address: u64, count: usize) -> Vec<T> {
        let mut bytes = vec![0; count * size_of::<T>()];
        self.device.memory().read(address, &mut bytes).unwrap();
        bytes.chunks(size_of::<T>()).map(T::from_bytes).collect()
    }

    pub(crate) fn run(
        &self,
        program: &Program,
        kernel: &str,
        grid: [u32; 3],
        block: [u32; 3],
        parameters: &[u8],
    ) -> Result<Stats, Fault> {
        let shape = Launch { grid, block, cluster: None, dynamic_shared: 0, parameters, cooperative: false };
        launch(&self.device, program, program.kernel(kernel).expect("the kernel is there"), &shape)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.printed.lock().unwrap()).into_owned()
    }
}

/// A kernel's parameters, one after another, each aligned to its size.
#[derive(Default)]
pub(crate) struct Parameters(Vec<u8>);

impl Parameters {
    pub(crate) fn new() -> Parameters {
        Parameters::default()
    }

    pub(crate) fn with<T: Plain>(mut self, value: T) -> Parameters {
        self.0.resize(self.0.len().next_multiple_of(size_of::<T>()), 0);
        self.0.extend(value.bytes());
        self
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A number with its bytes.
pub(crate) trait Plain: Copy {
    fn bytes(&self) -> Vec<u8>;
    fn from_bytes(bytes: &[u8]) -> Self;
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Plain for $type {
            fn bytes(&self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }
            fn from_bytes(bytes: &[u8]) -> Self {
                <$type>::from_le_bytes(bytes.try_into().unwrap())
            }
        }
    )*};
}
plain!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64);
