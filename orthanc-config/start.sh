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
#                            At the clinical archive they may send and nothing else, unless an entry says so:
#                            {"scanner": {"AET": "SCANNER", "Host": "10.0.0.7", "Port": 104, "AllowFind": true}}
#   ORTHANC_TLS_CERTIFICATE  PEM files; with the three of them only DICOM over TLS is answered, from peers that show a
#   ORTHANC_TLS_KEY          certificate of one of the authorities. A modality that is sent to over TLS is written as
#   ORTHANC_TLS_AUTHORITIES  {"AET": "PACS", "Host": "10.0.0.9", "Port": 2762, "UseDicomTls": true}
#   ORTHANC_DATABASE_HOST    PostgreSQL for the index, with the account and the database ORTHANC_DATABASE_NAME and
#   ORTHANC_DATABASE_NAME    its password in a file; without these the index is a file beside the images
#   ORTHANC_DATABASE_PORT                                                                                    (5432)
#   ORTHANC_DATABASE_PASSWORD_FILE
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
if [ "$zone" = clinical ]; then
  # Orthanc lets whoever may send also query and retrieve: a scanner that was taken over would read every patient.
  modalities=$(printf '%s' "$modalities" | jq --compact-output 'map_values(
    (if type == "array" then {AET: .[0], Host: .[1], Port: .[2]} else . end) as $told
    | {AllowFind: false, AllowFindWorklist: false, AllowGet: false, AllowMove: false, AllowStorageCommitment: false}
      + $told)') || { echo "orthanc-$zone: ORTHANC_MODALITIES is no JSON of the form that is asked for" >&2; exit 2; }
fi

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

tls=
if [ -n "${ORTHANC_TLS_CERTIFICATE:-}" ]; then
  for file in "$ORTHANC_TLS_CERTIFICATE" "${ORTHANC_TLS_KEY:-}" "${ORTHANC_TLS_AUTHORITIES:-}"; do
    if [ ! -r "$file" ]; then
      echo "orthanc-$zone: DICOM over TLS needs certificate, key and authorities; '$file' can't be read" >&2
      exit 2
    fi
  done
  tls="\"DicomTlsEnabled\": true, \"DicomTlsRemoteCertificateRequired\": true,
  \"DicomTlsCertificate\": \"$ORTHANC_TLS_CERTIFICATE\", \"DicomTlsPrivateKey\": \"$ORTHANC_TLS_KEY\",
  \"DicomTlsTrustedCertificates\": \"$ORTHANC_TLS_AUTHORITIES\","
  # Orthanc 1.10 has no setting for it, and would answer TLS 1.0.
  cat > "$site/openssl.cnf" <<CNF
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = tls
[tls]
MinProtocol = TLSv1.2
CNF
  export OPENSSL_CONF="$site/openssl.cnf"
fi

plugins=/usr/share/orthanc/plugins
loaded="\"$plugins/libOrthancDicomWeb.so\""
database=
if [ -n "${ORTHANC_DATABASE_HOST:-}" ]; then
  loaded="$loaded, \"$plugins/libOrthancPostgreSQLIndex.so\""
  database="\"PostgreSQL\": {
    \"EnableIndex\": true, \"EnableStorage\": false, \"Lock\": true,
    \"Host\": \"$ORTHANC_DATABASE_HOST\", \"Port\": ${ORTHANC_DATABASE_PORT:-5432},
    \"Database\": \"$ORTHANC_DATABASE_NAME\", \"Username\": \"$ORTHANC_DATABASE_NAME\",
    \"Password\": \"$(cat "$ORTHANC_DATABASE_PASSWORD_FILE")\"
  },"
fi

cat > "$site/site.json" <<JSON
{
  "Plugins": [$loaded],
  $tls
  $database
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
