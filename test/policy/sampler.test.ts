import { createReferenceEngine } from '../../src/policy/reference.ts';
import { samplerContract } from './sampler-contract.ts';

samplerContract('reference', createReferenceEngine);
