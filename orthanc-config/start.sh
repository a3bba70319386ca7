#!/bin/sh
# Starts one Orthanc: the zone's committed configuration plus what belongs to this site (ports, folders, accounts).
#
#   start.sh ZONE        ZONE is clinical, research or demo-pacs
#
#   ORTHANC_STORAGE          folder for images and index                       (required)
#   ORTHANC_HTTP_PORT        port of the REST and DICOMweb interface           (8042)
#   ORTHANC_DICOM_PORT       port for C-STORE, C-FIND and C-MOVE               (4242)
#   ORTHANC_USERS            accounts, "name=file-with-password ..."           (required)
#   ORTHANC_MODALITIES       who may send or be sent to, as JSON:
#                            {"scanner": ["SCANNER", "10.0.0.7", 104]}         ({})
#   ORTHANC_REMOTE_ACCESS    true lets other hosts reach the REST interface    (false)
set -eu
umask 077

zone=$1
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$ORTHANC_STORAGE"
site=$ORTHANC_STORAGE/configuration
rm -rf "$site" && mkdir "$site"
cp "$here/$zone.json" "$site/zone.json"

modalities=${ORTHANC_MODALITIES:-}
[ -n "$modalities" ] || modalities='{}'

users=
for account in $ORTHANC_USERS; do
  password=$(cat "${account#*=}")
  if [ "${#password}" -lt 12 ]; then
    echo "orthanc-$zone: the password of account '${account%%=*}' has fewer than 12 characters" >&2
    exit 2
  fi
  case $password in *[!A-Za-z0-9_.-]*)
    echo "orthanc-$zone: the password of account '${account%%=*}' may hold letters, digits and _ . - only" >&2
    exit 2 ;;
  esac
  users="$users${users:+, }\"${account%%=*}\": \"$password\""
done

cat > "$site/site.json" <<JSON
{
  "StorageDirectory": "$ORTHANC_STORAGE",
  "IndexDirectory": "$ORTHANC_STORAGE",
  "HttpPort": ${ORTHANC_HTTP_PORT:-8042},
  "DicomPort": ${ORTHANC_DICOM_PORT:-4242},
  "RemoteAccessAllowed": ${ORTHANC_REMOTE_ACCESS:-false},
  "RegisteredUsers": {$users},
  "DicomModalities": $modalities
}
JSON

# Without TCP_NODELAY every DICOM message waits for the peer's delayed acknowledgement: 20 times slower.
TCP_NODELAY=1 exec Orthanc "$site"
