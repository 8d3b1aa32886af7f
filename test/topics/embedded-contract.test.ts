import { embeddedFolder } from './embedded-folder.ts';
import { transportContract } from './transport-contract.ts';

transportContract('the embedded log', async () => embeddedFolder());
