#!/bin/sh
# Make build/bundle/nodeflow.AppImage, one file, of the bundle. Called by the release workflow. Not run yet.
# appimagetool is fetched from its project's releases, which have no registry.
set -eu
cd "$(dirname "$0")/.."
folder=build/bundle/AppDir
releases=https://github.com/AppImage/appimagetool/releases/download

rm -rf "$folder"
mkdir -p "$folder"
cp -a build/bundle/nodeflow/. "$folder"
ln -s nodeflow "$folder/AppRun"
cp resources/icons/nodeflow-256.png "$folder/nodeflow.png"
cat > "$folder/nodeflow.desktop" <<'ENTRY'
[Desktop Entry]
Type=Application
Name=nodeflow
Exec=nodeflow %f
Icon=nodeflow
Terminal=false
Categories=Education;ArtificialIntelligence;
MimeType=application/x-nodeflow;
ENTRY
curl --fail --silent --show-error --location --output build/appimagetool \
    "$releases/continuous/appimagetool-x86_64.AppImage"
chmod +x build/appimagetool
ARCH=x86_64 build/appimagetool --appimage-extract-and-run "$folder" build/bundle/nodeflow.AppImage
rm -rf "$folder"
