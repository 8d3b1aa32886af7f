/** Packages of Debian and Ubuntu from the archives that the machine itself uses, without changing its lists. */
import { spawnSync } from 'node:child_process';

/**
 * @param {{ what: string, sources: readonly string[], packages: readonly string[] }} options what is installed
 *   in words, the lines of sources.list(5), the packages
 * @returns {string} a script for an administrator
 */
export function aptScript({ what, sources, packages }) {
  return `#!/bin/sh
# Installs ${what} from the package archive that this machine uses. The lists of sources
# and packages that it needs are in a temporary folder: those of the system stay as they are.
set -eu
dir=$(mktemp -d /tmp/swirl-apt.XXXXXX)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
chown _apt "$dir/lists/partial" "$dir/cache/archives/partial" 2>/dev/null || true
cat > "$dir/sources.list" <<'END'
${sources.join('\n')}
END
export DEBIAN_FRONTEND=noninteractive
apt() {
  apt-get -q -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \\
    -o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache" \\
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@"
}
apt update
apt install -y --no-install-recommends --no-remove ${packages.join(' ')}
`;
}

/** @returns {string[] | null} what goes before a command that an administrator runs; null: it cannot be done */
export function administrator() {
  if (process.getuid?.() === 0) return [];
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : null;
}
