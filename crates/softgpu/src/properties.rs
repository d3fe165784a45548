//! What the device says of itself: as a GPU of its compute capability would, wherever programs decide by it.
//!
//! Sizes by capability: CUDA C++ Programming Guide, "Technical Specifications per Compute Capability".

use cuferry_driver::types as t;

use crate::error::{Error, Result};
use crate::function::Function;
use crate::settings::Settings;

/// See the module. Sizes are in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Properties {
    pub(crate) capability: (u32, u32),
    pub(crate) name: String,
    pub(crate) multiprocessors: u32,
    pub(crate) memory: u64,
    pub(crate) max_threads_per_block: u32,
    pub(crate) max_block: [u32; 3],
    pub(crate) max_grid: [u32; 3],
    pub(crate) max_cluster: u32,
    /// Shared memory that a block may have if it asks for it.
    pub(crate) shared_optin: u32,
    pub(crate) clock_khz: u32,
    shared_per_multiprocessor: u32,
    threads_per_multiprocessor: u32,
    blocks_per_multiprocessor: u32,
}

/// What a block has without asking.
const SHARED: u32 = 48 << 10;
/// What the system takes of each block's shared memory, from 8.0 on.
const RESERVED: u32 = 1 << 10;
const REGISTERS: u32 = 64 << 10;
const WARP: u32 = 32;

/// Where the device claims to sit.
pub(crate) const PCI: [u32; 3] = [0, 0x7f, 0];

impl Properties {
    pub(crate) fn new(capability: (u32, u32), settings: &Settings) -> Self {
        let (shared, threads, blocks) = match capability {
            (7, _) => (64, 1024, 16),
            (8, 0) => (164, 2048, 32),
            (8, 7) => (164, 1536, 16),
            (8, 6) => (100, 1536, 16),
            (8 | 12, _) => (100, 1536, 24),
            (11, _) => (228, 1536, 24),
            _ => (228, 2048, 32),
        };
        let shared = shared << 10;
        let (major, minor) = capability;
        Self {
            capability,
            name: format!("cuferry software device (sm_{major}{minor})"),
            multiprocessors: settings.multiprocessors,
            memory: settings.memory,
            max_threads_per_block: 1024,
            max_block: [1024, 1024, 64],
            max_grid: [0x7fff_ffff, 0xffff, 0xffff],
            max_cluster: if major >= 9 { 8 } else { 1 },
            shared_optin: if major >= 8 { shared - RESERVED } else { shared },
            clock_khz: 1_000_000,
            shared_per_multiprocessor: shared,
            threads_per_multiprocessor: threads,
            blocks_per_multiprocessor: blocks,
        }
    }

    /// 90 for 9.0.
    pub(crate) fn number(&self) -> u32 {
        self.capability.0 * 10 + self.capability.1
    }

    pub(crate) fn uuid(&self) -> [u8; 16] {
        let mut uuid = *b"cuferry-soft\0\0\0\0";
        uuid[12] = self.capability.0.to_le_bytes()[0];
        uuid[13] = self.capability.1.to_le_bytes()[0];
        uuid
    }

    /// `0000:7f:00.0`
    pub(crate) fn pci_id() -> String {
        let [domain, bus, device] = PCI;
        format!("{domain:04x}:{bus:02x}:{device:02x}.0")
    }

    /// Blocks of a kernel, with so many bytes of shared memory each, that a multiprocessor holds at once.
    pub(crate) fn resident_blocks(&self, function: &Function, threads: u32, shared: u32) -> u32 {
        let warps = threads.div_ceil(WARP).max(1);
        let by_threads = self.threads_per_multiprocessor / WARP / warps;
        let reserved = if self.capability.0 >= 8 { RESERVED } else { 0 };
        let by_shared = self.shared_per_multiprocessor.checked_div(shared + reserved).unwrap_or(u32::MAX);
        // A warp's registers come in units of 256.
        let registers = (function.registers() * WARP).next_multiple_of(256) * warps;
        let by_registers = REGISTERS / registers.max(1);
        by_threads.min(by_shared).min(by_registers).min(self.blocks_per_multiprocessor)
    }

    /// Shared memory that is left for each of so many blocks on a multiprocessor.
    pub(crate) fn shared_for(&self, blocks: u32, fixed: u32) -> u32 {
        let reserved = if self.capability.0 >= 8 { RESERVED } else { 0 };
        let each = self.shared_per_multiprocessor.checked_div(blocks).unwrap_or(0);
        each.saturating_sub(reserved + fixed).min(self.shared_optin - fixed.min(self.shared_optin))
    }

    pub(crate) fn threads_per_multiprocessor(&self) -> u32 {
        self.threads_per_multiprocessor
    }

    #[expect(clippy::match_same_arms, reason = "a table")]
    #[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "a table of its constants"))]
    pub(crate) fn attribute(&self, attribute: t::CUdevice_attribute) -> Result<i32> {
        use cuferry_driver::types::*;
        let since = |major| u32::from(self.capability.0 >= major);
        let value: u32 = match attribute {
            CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK => self.max_threads_per_block,
            CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X => self.max_block[0],
            CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y => self.max_block[1],
            CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z => self.max_block[2],
            CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X => self.max_grid[0],
            CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y => self.max_grid[1],
            CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z => self.max_grid[2],
            CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK => SHARED,
            CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY => 64 << 10,
            CU_DEVICE_ATTRIBUTE_WARP_SIZE => WARP,
            CU_DEVICE_ATTRIBUTE_MAX_PITCH => 0x7fff_ffff,
            CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK
            | CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR => REGISTERS,
            CU_DEVICE_ATTRIBUTE_CLOCK_RATE | CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE => self.clock_khz,
            CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT | CU_DEVICE_ATTRIBUTE_SURFACE_ALIGNMENT => 512,
            CU_DEVICE_ATTRIBUTE_TEXTURE_PITCH_ALIGNMENT => 32,
            CU_DEVICE_ATTRIBUTE_GPU_OVERLAP => 1,
            CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT => self.multiprocessors,
            CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY => 1,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_LINEAR_WIDTH => 131_072,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_HEIGHT => 65_536,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_LINEAR_HEIGHT => 65_000,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_LINEAR_PITCH => 2_097_120,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE3D_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE3D_HEIGHT
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE3D_DEPTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACE3D_DEPTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACE3D_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACE3D_HEIGHT => 16_384,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE3D_WIDTH_ALTERNATE
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE3D_HEIGHT_ALTERNATE => 8192,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE3D_DEPTH_ALTERNATE => 32_768,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LAYERED_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_LAYERED_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_LAYERED_HEIGHT
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_GATHER_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_GATHER_HEIGHT
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURECUBEMAP_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURECUBEMAP_LAYERED_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACE1D_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACE1D_LAYERED_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACE2D_LAYERED_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACE2D_LAYERED_HEIGHT
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACECUBEMAP_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACECUBEMAP_LAYERED_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_MIPMAPPED_WIDTH
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_MIPMAPPED_HEIGHT
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_MIPMAPPED_WIDTH => 32_768,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACE2D_WIDTH => 131_072,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACE2D_HEIGHT => 65_536,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LAYERED_LAYERS
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_LAYERED_LAYERS
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACE1D_LAYERED_LAYERS
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACE2D_LAYERED_LAYERS => 2048,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURECUBEMAP_LAYERED_LAYERS
            | CU_DEVICE_ATTRIBUTE_MAXIMUM_SURFACECUBEMAP_LAYERED_LAYERS => 2046,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LINEAR_WIDTH => 268_435_456,
            CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS | CU_DEVICE_ATTRIBUTE_CAN_TEX2D_GATHER => 1,
            CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID => PCI[0],
            CU_DEVICE_ATTRIBUTE_PCI_BUS_ID => PCI[1],
            CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID => PCI[2],
            CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH => 64,
            CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE => 32 << 20,
            CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR => self.threads_per_multiprocessor,
            CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT => 2,
            CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING => 1,
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR => self.capability.0,
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR => self.capability.1,
            CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED
            | CU_DEVICE_ATTRIBUTE_GLOBAL_L1_CACHE_SUPPORTED
            | CU_DEVICE_ATTRIBUTE_LOCAL_L1_CACHE_SUPPORTED => 1,
            CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR => self.shared_per_multiprocessor,
            CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY | CU_DEVICE_ATTRIBUTE_HOST_NATIVE_ATOMIC_SUPPORTED => 1,
            CU_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO => 2,
            CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS
            | CU_DEVICE_ATTRIBUTE_COMPUTE_PREEMPTION_SUPPORTED
            | CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM
            | CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS
            | CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_WAIT_VALUE_NOR
            | CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_MEM_OPS_V1
            | CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS_V1
            | CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_WAIT_VALUE_NOR_V1
            | CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH
            | CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED
            | CU_DEVICE_ATTRIBUTE_READ_ONLY_HOST_REGISTER_SUPPORTED
            | CU_DEVICE_ATTRIBUTE_DIRECT_MANAGED_MEM_ACCESS_FROM_HOST
            | CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED => 1,
            CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN => self.shared_optin,
            CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR => self.blocks_per_multiprocessor,
            CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK => since(8) * RESERVED,
            CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH => since(9),
            CU_DEVICE_ATTRIBUTE_MEM_SYNC_DOMAIN_COUNT => 1,
            CU_DEVICE_ATTRIBUTE_UNIFIED_FUNCTION_POINTERS => 0,
            CU_DEVICE_ATTRIBUTE_NUMA_ID | CU_DEVICE_ATTRIBUTE_HOST_NUMA_ID => return Ok(-1),
            // What there is not: display time-outs, ECC, other drivers' models, interprocess handles, virtual memory,
            // RDMA, tensor maps, multicast, decompression.
            number if (1..CU_DEVICE_ATTRIBUTE_MAX).contains(&number) => 0,
            _ => return Err(Error::INVALID_VALUE),
        };
        Ok(i32::try_from(value).unwrap_or(i32::MAX))
    }
}
