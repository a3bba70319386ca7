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
#   ORTHANC_RESTART          true starts it again, with back-off, when it ended otherwise than by being told to; for
#                            places where nothing else does (compose.yaml has "restart: unless-stopped")   (false)
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
export TCP_NODELAY=1
[ "${ORTHANC_RESTART:-false}" = true ] || exec Orthanc "$site"

# Orthanc 1.10 can be brought down by a file that is nested deeply. What it acknowledged is on the disk by then; what
# it did not, the sender sends again.
child=
stop() {
  trap "" TERM INT
  [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true
  wait
  exit 0
}
trap stop TERM INT
pause=1
ran=false
while :; do
  started=$(date +%s)
  Orthanc "$site" &
  child=$!
  status=0
  wait "$child" || status=$?
  child=
  lasted=$(($(date +%s) - started))
  [ "$status" -ne 0 ] || exit 0
  if [ "$ran" = false ] && [ "$lasted" -lt 5 ] && [ "$status" -lt 128 ]; then
    exit "$status" # no crash, it refused to come up: starting it again would hide why
  fi
  ran=true
  [ "$lasted" -lt 60 ] || pause=1
  echo "orthanc-$zone ended with status $status; it starts again in $pause s" >&2
  sleep "$pause" &
  child=$!
  wait "$child" || true
  child=
  [ "$pause" -ge 30 ] || pause=$((pause * 2))
done
