/**
 * Where a region is that an operator may name: `[latitude, longitude]` in degrees, to one decimal (11 km), by name in
 * lower case. Clouds publish a city or a state at most, so it is that city, or the best-known site in that state.
 *
 * Where two clouds use one name for different places, it means what it means in the larger one.
 */
export const regions: Readonly<Record<string, readonly [latitude: number, longitude: number]>> = {
  // Plain words for a part of the world: the city where its servers usually are. Four of them are country codes too,
  // but not that country here: "af" is Africa, "me" the Middle East, "na" North America, "sa" South America.
  eu: [50.1, 8.7], // Frankfurt
  europe: [50.1, 8.7], // Frankfurt
  emea: [50.1, 8.7], // Frankfurt
  "eu-central": [50.1, 8.7], // Frankfurt
  "europe-central": [50.1, 8.7], // Frankfurt
  "eu-west": [51.5, -0.1], // London
  "europe-west": [51.5, -0.1], // London
  "eu-north": [59.3, 18.1], // Stockholm
  "europe-north": [59.3, 18.1], // Stockholm
  "eu-south": [45.5, 9.2], // Milan
  "europe-south": [45.5, 9.2], // Milan
  "eu-east": [52.2, 21.0], // Warsaw
  "europe-east": [52.2, 21.0], // Warsaw
  us: [38.6, -90.2], // St. Louis: between the coasts
  usa: [38.6, -90.2], // St. Louis: between the coasts
  na: [38.6, -90.2], // St. Louis: between the coasts
  "us-east": [39.0, -77.5], // Ashburn: Linode's is in Newark, 330 km away
  "us-central": [32.8, -96.8], // Dallas
  "us-south": [32.8, -96.8], // Dallas
  "us-west": [37.3, -121.9], // San Jose
  "ca-central": [43.7, -79.4], // Toronto: AWS's ca-central-1 is in Montréal
  "ca-east": [45.5, -73.6], // Montréal
  "ca-west": [51.0, -114.1], // Calgary
  sa: [-23.6, -46.6], // São Paulo
  latam: [-23.6, -46.6], // São Paulo
  "sa-east": [-23.6, -46.6], // São Paulo
  "sa-west": [-33.4, -70.7], // Santiago
  af: [-26.2, 28.0], // Johannesburg
  africa: [-26.2, 28.0], // Johannesburg
  "af-south": [-26.2, 28.0], // Johannesburg
  "af-north": [30.0, 31.2], // Cairo
  "af-west": [6.5, 3.4], // Lagos
  "af-east": [-1.3, 36.8], // Nairobi
  me: [25.2, 55.3], // Dubai
  "me-central": [25.2, 55.3], // Dubai
  "me-south": [26.2, 50.6], // Manama
  "me-west": [32.1, 34.8], // Tel Aviv
  ap: [1.3, 103.8], // Singapore
  apac: [1.3, 103.8], // Singapore
  asia: [1.3, 103.8], // Singapore
  "ap-southeast": [1.3, 103.8], // Singapore: Linode's is in Sydney
  "asia-southeast": [1.3, 103.8], // Singapore
  "ap-south": [19.1, 72.9], // Mumbai: Linode's is in Singapore
  "asia-south": [19.1, 72.9], // Mumbai
  "ap-northeast": [35.7, 139.7], // Tokyo
  "asia-northeast": [35.7, 139.7], // Tokyo
  "ap-east": [22.3, 114.2], // Hong Kong
  "asia-east": [22.3, 114.2], // Hong Kong
  oc: [-33.9, 151.2], // Sydney
  oceania: [-33.9, 151.2], // Sydney

  // Amazon Web Services. Alibaba Cloud uses some of these names for other places (its ap-southeast-3 is Kuala Lumpur);
  // an operator there overrides them.
  "us-east-1": [39.0, -77.5], // Ashburn
  "us-east-2": [40.0, -83.0], // Columbus
  "us-west-1": [37.3, -121.9], // San Jose
  "us-west-2": [45.8, -119.7], // Boardman
  "us-gov-east-1": [40.0, -83.0], // Columbus
  "us-gov-west-1": [45.8, -119.7], // Boardman
  "ca-central-1": [45.5, -73.6], // Montréal
  "ca-west-1": [51.0, -114.1], // Calgary
  "mx-central-1": [20.6, -100.4], // Querétaro
  "sa-east-1": [-23.6, -46.6], // São Paulo
  "eu-west-1": [53.3, -6.3], // Dublin
  "eu-west-2": [51.5, -0.1], // London
  "eu-west-3": [48.9, 2.4], // Paris
  "eu-central-1": [50.1, 8.7], // Frankfurt
  "eu-central-2": [47.4, 8.5], // Zurich
  "eu-north-1": [59.3, 18.1], // Stockholm
  "eu-south-1": [45.5, 9.2], // Milan
  "eu-south-2": [41.6, -0.9], // Zaragoza
  "eusc-de-east-1": [52.4, 13.1], // Potsdam
  "af-south-1": [-33.9, 18.4], // Cape Town
  "il-central-1": [32.1, 34.8], // Tel Aviv
  "me-central-1": [25.2, 55.3], // Dubai
  "me-south-1": [26.2, 50.6], // Manama
  "ap-east-1": [22.3, 114.2], // Hong Kong
  "ap-east-2": [25.0, 121.5], // Taipei
  "ap-south-1": [19.1, 72.9], // Mumbai
  "ap-south-2": [17.4, 78.5], // Hyderabad
  "ap-southeast-1": [1.3, 103.8], // Singapore
  "ap-southeast-2": [-33.9, 151.2], // Sydney
  "ap-southeast-3": [-6.2, 106.8], // Jakarta
  "ap-southeast-4": [-37.8, 145.0], // Melbourne
  "ap-southeast-5": [3.1, 101.7], // Kuala Lumpur
  "ap-southeast-6": [-36.8, 174.8], // Auckland
  "ap-southeast-7": [13.8, 100.5], // Bangkok
  "ap-northeast-1": [35.7, 139.7], // Tokyo
  "ap-northeast-2": [37.6, 127.0], // Seoul
  "ap-northeast-3": [34.7, 135.5], // Osaka
  "cn-north-1": [39.9, 116.4], // Beijing
  "cn-northwest-1": [37.5, 105.2], // Zhongwei

  // Google Cloud
  "africa-south1": [-26.2, 28.0], // Johannesburg
  "asia-east1": [24.1, 120.5], // Changhua
  "asia-east2": [22.3, 114.2], // Hong Kong
  "asia-northeast1": [35.7, 139.7], // Tokyo
  "asia-northeast2": [34.7, 135.5], // Osaka
  "asia-northeast3": [37.6, 127.0], // Seoul
  "asia-south1": [19.1, 72.9], // Mumbai
  "asia-south2": [28.6, 77.2], // Delhi
  "asia-southeast1": [1.3, 103.8], // Singapore
  "asia-southeast2": [-6.2, 106.8], // Jakarta
  "asia-southeast3": [13.8, 100.5], // Bangkok
  "australia-southeast1": [-33.9, 151.2], // Sydney
  "australia-southeast2": [-37.8, 145.0], // Melbourne
  "europe-central2": [52.2, 21.0], // Warsaw
  "europe-north1": [60.6, 27.2], // Hamina
  "europe-north2": [59.3, 18.1], // Stockholm
  "europe-southwest1": [40.4, -3.7], // Madrid
  "europe-west1": [50.4, 3.8], // Saint-Ghislain
  "europe-west2": [51.5, -0.1], // London
  "europe-west3": [50.1, 8.7], // Frankfurt
  "europe-west4": [53.4, 6.8], // Eemshaven
  "europe-west6": [47.4, 8.5], // Zurich
  "europe-west8": [45.5, 9.2], // Milan
  "europe-west9": [48.9, 2.4], // Paris
  "europe-west10": [52.5, 13.4], // Berlin
  "europe-west12": [45.1, 7.7], // Turin
  "me-central1": [25.3, 51.5], // Doha
  "me-central2": [26.4, 50.1], // Dammam
  "me-west1": [32.1, 34.8], // Tel Aviv
  "northamerica-northeast1": [45.5, -73.6], // Montréal
  "northamerica-northeast2": [43.7, -79.4], // Toronto
  "northamerica-south1": [20.6, -100.4], // Querétaro
  "southamerica-east1": [-23.6, -46.6], // São Paulo
  "southamerica-west1": [-33.4, -70.7], // Santiago
  "us-central1": [41.3, -95.9], // Council Bluffs
  "us-east1": [33.2, -80.0], // Moncks Corner
  "us-east4": [39.0, -77.5], // Ashburn
  "us-east5": [40.0, -83.0], // Columbus
  "us-south1": [32.8, -96.8], // Dallas
  "us-west1": [45.6, -121.2], // The Dalles
  "us-west2": [34.1, -118.2], // Los Angeles
  "us-west3": [40.8, -111.9], // Salt Lake City
  "us-west4": [36.2, -115.1], // Las Vegas

  // Microsoft Azure
  eastus: [39.0, -77.5], // Ashburn
  eastus2: [36.7, -78.4], // Boydton
  centralus: [41.6, -93.6], // Des Moines
  northcentralus: [41.9, -87.6], // Chicago
  southcentralus: [29.4, -98.5], // San Antonio
  westcentralus: [41.1, -104.8], // Cheyenne
  westus: [37.8, -122.4], // San Francisco
  westus2: [47.2, -119.9], // Quincy
  westus3: [33.4, -112.1], // Phoenix
  usgovvirginia: [36.7, -78.4], // Boydton
  usgovtexas: [29.4, -98.5], // San Antonio
  usgovarizona: [33.4, -112.1], // Phoenix
  usdodcentral: [41.6, -93.6], // Des Moines
  usdodeast: [36.7, -78.4], // Boydton
  canadacentral: [43.7, -79.4], // Toronto
  canadaeast: [46.8, -71.2], // Québec
  mexicocentral: [20.6, -100.4], // Querétaro
  brazilsouth: [-23.6, -46.6], // São Paulo
  brazilsoutheast: [-22.9, -43.2], // Rio de Janeiro
  chilecentral: [-33.4, -70.7], // Santiago
  northeurope: [53.3, -6.3], // Dublin
  westeurope: [52.4, 4.9], // Amsterdam
  uksouth: [51.5, -0.1], // London
  ukwest: [51.5, -3.2], // Cardiff
  francecentral: [48.9, 2.4], // Paris
  francesouth: [43.3, 5.4], // Marseille
  germanywestcentral: [50.1, 8.7], // Frankfurt
  germanynorth: [52.5, 13.4], // Berlin
  switzerlandnorth: [47.4, 8.5], // Zurich
  switzerlandwest: [46.2, 6.1], // Geneva
  austriaeast: [48.2, 16.4], // Vienna
  belgiumcentral: [50.8, 4.4], // Brussels
  denmarkeast: [55.7, 12.6], // Copenhagen
  norwayeast: [59.9, 10.8], // Oslo
  norwaywest: [59.0, 5.7], // Stavanger
  swedencentral: [60.7, 17.1], // Gävle
  swedensouth: [55.6, 13.0], // Malmö
  polandcentral: [52.2, 21.0], // Warsaw
  italynorth: [45.5, 9.2], // Milan
  spaincentral: [40.4, -3.7], // Madrid
  southafricanorth: [-26.2, 28.0], // Johannesburg
  southafricawest: [-33.9, 18.4], // Cape Town
  uaenorth: [25.2, 55.3], // Dubai
  uaecentral: [24.5, 54.4], // Abu Dhabi
  qatarcentral: [25.3, 51.5], // Doha
  israelcentral: [32.1, 34.8], // Tel Aviv
  centralindia: [18.5, 73.9], // Pune
  southindia: [13.1, 80.3], // Chennai
  westindia: [19.1, 72.9], // Mumbai
  indiasouthcentral: [17.4, 78.5], // Hyderabad
  jioindiacentral: [21.1, 79.1], // Nagpur
  jioindiawest: [22.5, 70.1], // Jamnagar
  eastasia: [22.3, 114.2], // Hong Kong
  southeastasia: [1.3, 103.8], // Singapore
  indonesiacentral: [-6.2, 106.8], // Jakarta
  malaysiawest: [3.1, 101.7], // Kuala Lumpur
  taiwannorth: [25.0, 121.5], // Taipei
  japaneast: [35.7, 139.7], // Tokyo
  japanwest: [34.7, 135.5], // Osaka
  koreacentral: [37.6, 127.0], // Seoul
  koreasouth: [35.2, 129.1], // Busan
  australiaeast: [-33.9, 151.2], // Sydney
  australiasoutheast: [-37.8, 145.0], // Melbourne
  australiacentral: [-35.3, 149.1], // Canberra
  australiacentral2: [-35.3, 149.1], // Canberra
  newzealandnorth: [-36.8, 174.8], // Auckland
  chinanorth: [39.9, 116.4], // Beijing
  chinanorth2: [39.9, 116.4], // Beijing
  chinanorth3: [39.9, 116.4], // Beijing
  chinaeast: [31.2, 121.5], // Shanghai
  chinaeast2: [31.2, 121.5], // Shanghai
  chinaeast3: [31.2, 121.5], // Shanghai

  // DigitalOcean
  nyc1: [40.7, -74.0], // New York
  nyc2: [40.7, -74.0], // New York
  nyc3: [40.7, -74.0], // New York
  sfo1: [37.8, -122.4], // San Francisco
  sfo2: [37.8, -122.4], // San Francisco
  sfo3: [37.8, -122.4], // San Francisco
  atl1: [33.7, -84.4], // Atlanta
  ric1: [37.5, -77.4], // Richmond
  tor1: [43.7, -79.4], // Toronto
  ams2: [52.4, 4.9], // Amsterdam
  ams3: [52.4, 4.9], // Amsterdam
  fra1: [50.1, 8.7], // Frankfurt
  lon1: [51.5, -0.1], // London
  blr1: [13.0, 77.6], // Bengaluru
  sgp1: [1.3, 103.8], // Singapore
  syd1: [-33.9, 151.2], // Sydney

  // Hetzner
  fsn1: [50.5, 12.4], // Falkenstein
  nbg1: [49.5, 11.1], // Nuremberg
  hel1: [60.2, 24.9], // Helsinki
  ash: [39.0, -77.5], // Ashburn
  hil: [45.5, -123.0], // Hillsboro
  sin: [1.3, 103.8], // Singapore

  // OVHcloud, which shares sgp1 and syd1 with DigitalOcean. "lim" is Limburg, not the airport of Lima.
  gra: [51.0, 2.1], // Gravelines
  gra5: [51.0, 2.1], // Gravelines
  gra7: [51.0, 2.1], // Gravelines
  gra9: [51.0, 2.1], // Gravelines
  gra11: [51.0, 2.1], // Gravelines
  "eu-west-gra": [51.0, 2.1], // Gravelines
  rbx: [50.7, 3.2], // Roubaix
  "rbx-a": [50.7, 3.2], // Roubaix
  "eu-west-rbx": [50.7, 3.2], // Roubaix
  sbg: [48.6, 7.7], // Strasbourg
  sbg3: [48.6, 7.7], // Strasbourg
  sbg5: [48.6, 7.7], // Strasbourg
  sbg7: [48.6, 7.7], // Strasbourg
  "eu-west-sbg": [48.6, 7.7], // Strasbourg
  par: [48.9, 2.4], // Paris
  "eu-west-par": [48.9, 2.4], // Paris
  de: [50.4, 8.1], // Limburg an der Lahn
  de1: [50.4, 8.1], // Limburg an der Lahn
  lim: [50.4, 8.1], // Limburg an der Lahn
  "eu-west-lim": [50.4, 8.1], // Limburg an der Lahn
  uk: [51.5, -0.1], // London
  uk1: [51.5, -0.1], // London
  eri: [51.5, -0.1], // London
  "eu-west-eri": [51.5, -0.1], // London
  waw: [52.2, 21.0], // Warsaw
  waw1: [52.2, 21.0], // Warsaw
  "eu-central-waw": [52.2, 21.0], // Warsaw
  "eu-central-war": [52.2, 21.0], // Warsaw
  "eu-south-mil": [45.5, 9.2], // Milan
  bhs: [45.3, -73.9], // Beauharnois
  bhs3: [45.3, -73.9], // Beauharnois
  bhs5: [45.3, -73.9], // Beauharnois
  "ca-east-bhs": [45.3, -73.9], // Beauharnois
  tor: [43.7, -79.4], // Toronto
  "ca-east-tor": [43.7, -79.4], // Toronto
  vin: [38.7, -77.7], // Vint Hill
  "us-east-va": [38.7, -77.7], // Vint Hill
  "us-east-va-1": [38.7, -77.7], // Vint Hill
  "us-west-or": [45.5, -123.0], // Hillsboro
  "us-west-or-1": [45.5, -123.0], // Hillsboro
  ynm: [19.1, 72.9], // Mumbai
  "ap-south-mum": [19.1, 72.9], // Mumbai
  "ap-south-mum-1": [19.1, 72.9], // Mumbai
  sgp: [1.3, 103.8], // Singapore
  "ap-southeast-sgp": [1.3, 103.8], // Singapore
  syd: [-33.9, 151.2], // Sydney
  "ap-southeast-syd": [-33.9, 151.2], // Sydney

  // Scaleway
  "fr-par": [48.9, 2.4], // Paris
  "fr-par-1": [48.9, 2.4], // Paris
  "fr-par-2": [48.9, 2.4], // Paris
  "fr-par-3": [48.9, 2.4], // Paris
  "nl-ams": [52.4, 4.9], // Amsterdam
  "nl-ams-1": [52.4, 4.9], // Amsterdam
  "nl-ams-2": [52.4, 4.9], // Amsterdam
  "nl-ams-3": [52.4, 4.9], // Amsterdam
  "pl-waw": [52.2, 21.0], // Warsaw
  "pl-waw-1": [52.2, 21.0], // Warsaw
  "pl-waw-2": [52.2, 21.0], // Warsaw
  "pl-waw-3": [52.2, 21.0], // Warsaw
  "it-mil": [45.5, 9.2], // Milan
  "it-mil-1": [45.5, 9.2], // Milan

  // Linode (Akamai), apart from its us-east, eu-west and the like, which are above
  "us-southeast": [33.7, -84.4], // Atlanta
  "us-ord": [41.9, -87.6], // Chicago
  "us-iad": [39.0, -77.5], // Ashburn
  "us-iad-2": [39.0, -77.5], // Ashburn
  "us-lax": [34.1, -118.2], // Los Angeles
  "us-mia": [25.8, -80.2], // Miami
  "us-sea": [47.6, -122.3], // Seattle
  "us-den": [39.7, -105.0], // Denver
  "de-fra-2": [50.1, 8.7], // Frankfurt
  "gb-lon": [51.5, -0.1], // London
  "se-sto": [59.3, 18.1], // Stockholm
  "es-mad": [40.4, -3.7], // Madrid
  "br-gru": [-23.6, -46.6], // São Paulo
  "co-bog": [4.7, -74.1], // Bogotá
  "cl-scl": [-33.4, -70.7], // Santiago
  "za-jnb": [-26.2, 28.0], // Johannesburg
  "ap-west": [19.1, 72.9], // Mumbai
  "in-bom-2": [19.1, 72.9], // Mumbai
  "in-maa": [13.1, 80.3], // Chennai
  "id-cgk": [-6.2, 106.8], // Jakarta
  "my-kul": [3.1, 101.7], // Kuala Lumpur
  "sg-sin-2": [1.3, 103.8], // Singapore
  "jp-osa": [34.7, 135.5], // Osaka
  "jp-tyo-3": [35.7, 139.7], // Tokyo
  "au-mel": [-37.8, 145.0], // Melbourne

  // Vultr and Fly.io, which mostly go by airports
  ams: [52.4, 4.9], // Amsterdam
  arn: [59.3, 18.1], // Stockholm
  sto: [59.3, 18.1], // Stockholm
  atl: [33.7, -84.4], // Atlanta
  blr: [13.0, 77.6], // Bengaluru
  bog: [4.7, -74.1], // Bogotá
  bom: [19.1, 72.9], // Mumbai
  bos: [42.4, -71.1], // Boston
  cdg: [48.9, 2.4], // Paris
  del: [28.6, 77.2], // Delhi
  den: [39.7, -105.0], // Denver
  dfw: [32.8, -96.8], // Dallas
  ewr: [40.7, -74.2], // Newark
  eze: [-34.6, -58.4], // Buenos Aires
  fra: [50.1, 8.7], // Frankfurt
  gdl: [20.7, -103.3], // Guadalajara
  gig: [-22.9, -43.2], // Rio de Janeiro
  gru: [-23.6, -46.6], // São Paulo
  sao: [-23.6, -46.6], // São Paulo
  hkg: [22.3, 114.2], // Hong Kong
  hnl: [21.3, -157.9], // Honolulu
  iad: [39.0, -77.5], // Ashburn
  icn: [37.6, 127.0], // Seoul
  itm: [34.7, 135.5], // Osaka
  jnb: [-26.2, 28.0], // Johannesburg
  lax: [34.1, -118.2], // Los Angeles
  lhr: [51.5, -0.1], // London
  mad: [40.4, -3.7], // Madrid
  man: [53.5, -2.2], // Manchester
  mel: [-37.8, 145.0], // Melbourne
  mex: [19.4, -99.1], // Mexico City
  mia: [25.8, -80.2], // Miami
  nrt: [35.7, 139.7], // Tokyo
  ord: [41.9, -87.6], // Chicago
  otp: [44.4, 26.1], // Bucharest
  phx: [33.4, -112.1], // Phoenix
  qro: [20.6, -100.4], // Querétaro
  scl: [-33.4, -70.7], // Santiago
  sea: [47.6, -122.3], // Seattle
  sjc: [37.3, -121.9], // San Jose
  tlv: [32.1, 34.8], // Tel Aviv
  yul: [45.5, -73.6], // Montréal
  yto: [43.7, -79.4], // Toronto
  yyz: [43.7, -79.4], // Toronto

  // Oracle Cloud
  "us-ashburn-1": [39.0, -77.5], // Ashburn
  "us-chicago-1": [41.9, -87.6], // Chicago
  "us-phoenix-1": [33.4, -112.1], // Phoenix
  "us-sanjose-1": [37.3, -121.9], // San Jose
  "ca-montreal-1": [45.5, -73.6], // Montréal
  "ca-toronto-1": [43.7, -79.4], // Toronto
  "mx-monterrey-1": [25.7, -100.3], // Monterrey
  "mx-queretaro-1": [20.6, -100.4], // Querétaro
  "sa-bogota-1": [4.7, -74.1], // Bogotá
  "sa-santiago-1": [-33.4, -70.7], // Santiago
  "sa-saopaulo-1": [-23.6, -46.6], // São Paulo
  "sa-valparaiso-1": [-33.0, -71.6], // Valparaíso
  "sa-vinhedo-1": [-23.0, -47.0], // Vinhedo
  "uk-cardiff-1": [51.5, -3.2], // Cardiff
  "uk-london-1": [51.5, -0.1], // London
  "eu-amsterdam-1": [52.4, 4.9], // Amsterdam
  "eu-frankfurt-1": [50.1, 8.7], // Frankfurt
  "eu-frankfurt-2": [50.1, 8.7], // Frankfurt
  "eu-jovanovac-1": [44.1, 20.9], // Jovanovac
  "eu-madrid-1": [40.4, -3.7], // Madrid
  "eu-madrid-2": [40.4, -3.7], // Madrid
  "eu-madrid-3": [40.4, -3.7], // Madrid
  "eu-marseille-1": [43.3, 5.4], // Marseille
  "eu-milan-1": [45.5, 9.2], // Milan
  "eu-paris-1": [48.9, 2.4], // Paris
  "eu-stockholm-1": [59.3, 18.1], // Stockholm
  "eu-turin-1": [45.1, 7.7], // Turin
  "eu-zurich-1": [47.4, 8.5], // Zurich
  "af-casablanca-1": [33.6, -7.6], // Casablanca
  "af-johannesburg-1": [-26.2, 28.0], // Johannesburg
  "il-jerusalem-1": [31.8, 35.2], // Jerusalem
  "me-abudhabi-1": [24.5, 54.4], // Abu Dhabi
  "me-dubai-1": [25.2, 55.3], // Dubai
  "me-jeddah-1": [21.5, 39.2], // Jeddah
  "me-riyadh-1": [24.7, 46.7], // Riyadh
  "ap-batam-1": [1.1, 104.0], // Batam
  "ap-chuncheon-1": [37.9, 127.7], // Chuncheon
  "ap-hyderabad-1": [17.4, 78.5], // Hyderabad
  "ap-kulai-2": [1.5, 103.7], // Johor Bahru
  "ap-melbourne-1": [-37.8, 145.0], // Melbourne
  "ap-mumbai-1": [19.1, 72.9], // Mumbai
  "ap-osaka-1": [34.7, 135.5], // Osaka
  "ap-seoul-1": [37.6, 127.0], // Seoul
  "ap-singapore-1": [1.3, 103.8], // Singapore
  "ap-singapore-2": [1.3, 103.8], // Singapore
  "ap-sydney-1": [-33.9, 151.2], // Sydney
  "ap-tokyo-1": [35.7, 139.7], // Tokyo
};
