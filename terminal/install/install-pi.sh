#!/usr/bin/env bash
# Install the terminal as a service on a Raspberry Pi (64-bit Raspberry Pi OS 12 or 13). Run as root; running it again
# changes nothing but the program. --dry-run prints what would be done and does nothing. SIGNER=KEYFILE seals the
# installed files: their list is signed by this key (python -m terminal manifest --make-key), and the terminal destroys
# its keys when they differ.
set -eu

dry=""
[ "${1:-}" = "--dry-run" ] && dry=yes
here=$(cd "$(dirname "$0")" && pwd)
source_tree=$(cd "$here/../.." && pwd)
home=/opt/zhanggui
state=/var/lib/zhanggui
config=/etc/zhanggui/zhanggui.toml
user=zhanggui
manifest=$home/manifest
signer=${SIGNER:+$(realpath "$SIGNER")}

say() { printf '\n== %s\n' "$*"; }
run() {
    if [ -n "$dry" ]; then
        printf 'would run: %s\n' "$*"
    else
        "$@"
    fi
}
# put FILE TARGET MODE: install a file, telling only when it changes.
put() {
    if [ -e "$2" ] && cmp -s "$1" "$2"; then
        return 0
    fi
    run install -D -m "$3" -o root -g root "$1" "$2"
}

if [ -z "$dry" ] && [ "$(id -u)" -ne 0 ]; then
    echo "This installs system packages and a service: run it as root (sudo make install-pi)." >&2
    exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "apt-get is missing: this script is for Raspberry Pi OS and Debian." >&2
    exit 1
fi
case "$(uname -m)" in
    aarch64 | x86_64) ;;
    *) echo "Warning: $(uname -m) is not a 64-bit system; some packages have no wheels for it." >&2 ;;
esac

say "System packages"
run apt-get update
run env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    python3-venv python3-dev gcc swig libpcsclite-dev pcscd libccid polkitd

say "User and groups"
for group in gpio i2c spi dialout audio lp plugdev; do
    getent group "$group" >/dev/null || run groupadd --system "$group"
done
if ! getent passwd "$user" >/dev/null; then
    run useradd --system --user-group --home-dir "$state" --shell /usr/sbin/nologin "$user"
fi

say "Program in $home"
if [ -e "$manifest" ]; then
    if [ -z "$signer" ]; then
        echo "The installed files are sealed. To change them name the key that signs the list: SIGNER=KEYFILE" >&2
        exit 1
    fi
    # A terminal that looks at its files while they change would find somebody at work.
    run systemctl stop zhanggui.service
fi
[ -x "$home/venv/bin/python" ] || run python3 -m venv "$home/venv"
run "$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade "$source_tree[card,pi]"

say "Configuration in $config"
if [ -e "$config" ]; then
    echo "kept as it is"
elif [ -n "$dry" ]; then
    echo "would write: $config (from zhanggui.example.toml, data = $state)"
else
    install -d -m 0750 -o root -g "$user" "$(dirname "$config")"
    sed "s#^data = \"data\" .*#data = \"$state\"#" "$source_tree/terminal/zhanggui.example.toml" >"$config"
    chown root:"$user" "$config"
    chmod 0640 "$config"
fi

if [ -n "$signer" ]; then
    say "Signed list of files in $manifest"
    if [ -n "$dry" ]; then
        echo "would sign: $manifest with $signer, and name both in $config"
    else
        # From /: in a checkout -m would find the checkout's files instead of the installed ones.
        line=$(cd / && "$home/venv/bin/python" -m terminal manifest --sign "$signer" --out "$manifest")
        sed -i "s#^\# signer = .*#$line#; s#^\# manifest = .*#manifest = \"$manifest\"#" "$config"
        (cd / && "$home/venv/bin/python" -m terminal manifest --check --config "$config")
    fi
fi

say "Devices"
put "$here/60-zhanggui.rules" /etc/udev/rules.d/60-zhanggui.rules 0644
put "$here/60-zhanggui-pcsc.rules" /etc/polkit-1/rules.d/60-zhanggui-pcsc.rules 0644
if [ ! -e /etc/modprobe.d/zhanggui-readers.conf ]; then
    # The kernel's NFC drivers take an ACR122U away from pcscd.
    if [ -n "$dry" ]; then
        echo "would write: /etc/modprobe.d/zhanggui-readers.conf"
    else
        printf 'blacklist pn533_usb\nblacklist nfc\n' >/etc/modprobe.d/zhanggui-readers.conf
    fi
fi
if command -v raspi-config >/dev/null 2>&1; then
    run raspi-config nonint do_i2c 0
else
    echo "raspi-config is missing: switch the I2C bus on yourself (dtparam=i2c_arm=on in config.txt)."
fi
echo "For the display's full speed put dtparam=i2c_arm_baudrate=400000 into config.txt."
echo "A printer on the header's serial port needs the serial console off (raspi-config, Interface Options)."

say "Service"
put "$here/journald.conf" /etc/systemd/journald.conf.d/zhanggui.conf 0644
put "$here/zhanggui.service" /etc/systemd/system/zhanggui.service 0644
if command -v systemd-analyze >/dev/null 2>&1; then
    run systemd-analyze verify /etc/systemd/system/zhanggui.service
fi
if [ -d /run/systemd/system ]; then
    run udevadm control --reload
    run udevadm trigger
    run systemctl daemon-reload
    run systemctl enable --now pcscd.socket
    run systemctl enable zhanggui.service
    run systemctl restart systemd-journald.service zhanggui.service
else
    echo "systemd is not running here: the service is installed and not started."
fi

say "Done"
echo "Look at it:   systemctl status zhanggui; journalctl -u zhanggui"
echo "What is missing: $home/venv/bin/python -m terminal doctor --config $config"
