import { transportContract } from '../transport-contract.ts';
import { embeddedFolder } from './embedded-folder.ts';

transportContract('the embedded log', async () => embeddedFolder());
