#!/usr/bin/env bash
# Makes sure that the browser tests find Chromium and a font with Chinese characters.
set -euo pipefail

has_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
has_font() { ! command -v fc-list || [[ -n $(fc-list :lang=zh-cn) ]]; }

if has_browser >/dev/null && has_font >/dev/null; then exit 0; fi
packages="chromium fonts-noto-cjk"
if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  echo "Installing the system packages $packages for the browser tests ..."
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # two words on purpose
  apt-get install -y -q --no-install-recommends $packages >/dev/null 2>&1 ||
    { apt-get update -q >/dev/null &&
      apt-get install -y -q --no-install-recommends $packages >/dev/null; }
fi
if ! has_browser >/dev/null; then
  echo "The browser tests need Chromium. Install it with: sudo apt-get install $packages" >&2
  exit 1
fi
