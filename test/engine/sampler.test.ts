import { createReferenceEngine } from '../../src/engine/reference/engine.ts';
import { samplerContract } from './sampler-contract.ts';

samplerContract('reference', createReferenceEngine);
